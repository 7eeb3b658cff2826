"""What `loop status` says."""

from loop.installation.status import status
from loop.job_queue.progress import JobProgress
from tests.installation.fakes import Queue
from tests.swap import swap


class Silent:
    """A part that does not answer."""

    url = ""

    def answers(self):
        return False


def test_it_says_how_far_a_job_has_come(rooms):
    queue = Queue()
    queue.note_progress("refresh-1", JobProgress(200, 100, 12.5))

    parts = (rooms.studio.client, Silent()), (rooms.studio.backend, Silent()), (rooms.queue, queue)
    report = status(swap(rooms, *parts).installation)

    assert report.parts["job refresh-1"] == "200 done, 100 left, 12.5 images a second, 8 s left"


def test_it_says_how_long_the_first_job_of_a_queue_has_waited(rooms):
    queue = Queue()
    queue.lengths, queue.waits = lambda: {"gpu": 0, "default": 3}, lambda: {"default": 42.4}

    parts = (rooms.studio.client, Silent()), (rooms.studio.backend, Silent()), (rooms.queue, queue)
    report = status(swap(rooms, *parts).installation)

    assert report.parts["queue gpu"] == "1 worker, 0 jobs waiting"
    assert report.parts["queue default"] == "2 workers, 3 jobs waiting, the first for 42 s"
