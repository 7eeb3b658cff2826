"""Fakes of what jobs share."""

from loop.job_queue.claims import ClaimedItems
from loop.job_queue.job_places import PlaceCounts


class LonelyWork:
    """No other job shares a work, and none waits for a place."""

    def longest_wait(self, kind, work):
        return 0.0

    def count_places(self, kind):
        return PlaceCounts(1, 0)

    def claim(self, work, holder, items):
        return ClaimedItems(frozenset(items), frozenset(), frozenset())

    def count_done(self, work, holder, done, *, is_first=False):
        return done


class ListedJobs:
    """Jobs that a test puts in `listed`; those that were cancelled stay there, and are remembered."""

    def jobs(self):
        return self.listed

    def job(self, job_id):
        return next((job for job in self.listed if job.id == job_id), None)

    def cancel(self, job_id):
        self.cancelled.append(job_id)


class AskedByHand:
    """Takes no job that a page asks for, and remembers it; a job in `listed` is there already."""

    def ask_by_hand(self, job, project_id, *texts):
        self.asked.append((job, project_id, *texts))
        return f"{job}-{project_id}" not in {each.id for each in self.listed}
