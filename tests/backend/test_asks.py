"""The job of an event is asked for after the answer."""

import time

from loop.label_studio.webhook import PROJECT_HEADER, SECRET_HEADER
from tests.builders import created, ls_region
from tests.fakes import FakeQueue
from tests.services import until
from tests.swap import swap


class SlowQueue(FakeQueue):
    def ask_review(self, project_id):
        time.sleep(0.5)
        super().ask_review(project_id)


def test_an_answer_does_not_wait_for_redis_and_many_events_ask_for_their_job_once(app, rooms):
    queue, client = SlowQueue(), app.test_client()
    app.extensions["rooms"] = swap(rooms, (rooms.queue, queue))

    headers = {PROJECT_HEADER: "1", SECRET_HEADER: rooms.studio.backend.secret_of(1)}
    began = time.monotonic()
    for number in range(5):
        client.post("/webhook", json=created(ls_region(), annotation=number), headers=headers)
    seconds = time.monotonic() - began

    assert seconds < 0.5
    until(app.extensions["asks"].is_idle, 10)
    assert len(rooms.reviews.events.pending(1)) == 5
    assert 1 <= len(queue.asked) <= 2
