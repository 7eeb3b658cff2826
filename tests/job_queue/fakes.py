"""Fakes of what jobs share."""

from loop.job_queue.claims import ClaimedItems
from loop.job_queue.job_places import PlaceCounts
from loop.job_queue.page_queue import name_job


class LonelyWork:
    """No other job shares a work, and none waits, neither for a worker nor for a place."""

    def lengths(self):
        return {"gpu": 0, "default": 0}

    def oldest(self):
        return None

    def waits(self):
        return {}

    def longest_wait(self, kind, work):
        return 0.0

    def count_places(self, kind):
        return PlaceCounts(1, 0)

    def claim(self, work, holder, items):
        return ClaimedItems(frozenset(items), frozenset(), frozenset())

    def count_done(self, work, holder, done, *, is_first=False):
        return done


class PageJobs:
    """Jobs that pages asked for, by their ids; one that has a failure has ended."""

    def __init__(self):
        self.page_jobs = {}

    def ask_page_job(self, queue, function, subject, project_id, *more, **given):
        job_id = name_job(function, project_id, subject)
        is_new = not self.is_open(job_id)
        self.page_jobs.setdefault(job_id, (queue, function, project_id, *more, given))
        return is_new

    def is_open(self, job_id):
        return job_id in self.page_jobs and job_id not in self.failures


class ListedJobs:
    """Jobs that a test puts in `listed`; those that were cancelled stay there, and are remembered."""

    def jobs(self):
        return self.listed

    def job(self, job_id):
        return next((job for job in self.listed if job.id == job_id), None)

    def cancel(self, job_id):
        self.cancelled.append(job_id)
