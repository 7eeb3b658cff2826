"""What it costs to ask for a job, as each event does."""

from contextlib import closing

from rq import Queue, Worker
from rq.job import Job

from loop.job_queue.connection import connect
from loop.job_queue.queue import DEFAULT, JobQueue


def commands_of(connection, ask):
    """How many commands Redis gets while something is asked."""
    before = connection.info("stats")["total_commands_processed"]
    ask()
    return connection.info("stats")["total_commands_processed"] - before - 1


def test_asking_while_the_job_runs_costs_the_same_with_many_workers(redis):
    with closing(JobQueue(redis.address)) as jobs, closing(connect(redis.address)) as connection:
        queue = Queue(DEFAULT, connection=connection)
        workers = [Worker([queue], name=f"worker.{number}", connection=connection) for number in range(20)]
        workers[0].register_birth()
        jobs.ask_review(7)
        job = Job.fetch("review-7", connection=connection)
        connection.hset(job.key, mapping={"status": "started", "worker_name": workers[0].name})

        with_one = commands_of(connection, lambda: jobs.ask_review(7))
        for worker in workers[1:]:
            worker.register_birth()
        with_many = commands_of(connection, lambda: jobs.ask_review(7))

    assert with_one == with_many <= 6
