"""The progress of running jobs, noted in Redis."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from loop.job_queue.connection import answering
from loop.job_queue.job_lock import lock_key
from loop.job_queue.progress import JobProgress

PROGRESS, PROGRESS_SECONDS = "loop:progress:", 600
DONE, DONE_SECONDS = "loop:done:", 3600


class ProgressNotes:
    """
    The notes of jobs on how far they have come.

    A note counts only while its job has the lock of its name: a killed job loses the lock within seconds.
    """

    _redis: Any

    def note_progress(self, job: str, progress: JobProgress) -> None:
        """Note how far a job such as `refresh-1` has come; forgotten when nothing is left, or the job notes no more."""
        with suppress(RedisError):  # the job goes on: the next batch is noted again
            if progress.left:
                self._redis.set(f"{PROGRESS}{job}", progress.write(), ex=PROGRESS_SECONDS)
            else:
                self._redis.delete(f"{PROGRESS}{job}")

    def count_done(self, work: str, holder: str, done: int, *, is_first: bool = False) -> int:
        """
        Note how many images of a shared work a job has done so far; return how many all its jobs have done together.

        *is_first* forgets what was noted for an earlier run. Raises UpstreamError.
        """
        key = f"{DONE}{work}"
        with answering(), self._redis.pipeline() as pipeline:
            if is_first:
                pipeline.delete(key)
            pipeline.hset(key, holder, done)
            pipeline.expire(key, DONE_SECONDS)
            pipeline.hvals(key)
            return sum(int(each) for each in pipeline.execute()[-1])

    def read_progress(self) -> dict[str, JobProgress]:
        """Return the progress of each job that reports it and runs. Raises UpstreamError."""
        with answering():
            keys = sorted(self._redis.scan_iter(f"{PROGRESS}*"))
            jobs = [key.decode().removeprefix(PROGRESS) for key in keys]
            notes = self._redis.mget(keys) if keys else ()
            are_running = self._redis.mget([lock_key(job) for job in jobs]) if keys else ()
        found = zip(jobs, notes, are_running, strict=True)
        return {job: JobProgress.read(note) for job, note, is_running in found if note and is_running}
