"""Queues of jobs in a Redis."""

import pytest
from redis import Redis
from rq import Queue

from loop.job_queue.queue import DEFAULT, JobQueue


@pytest.fixture
def connection(redis):
    """A client of the Redis of a test, which is empty."""
    with Redis.from_url(redis.address) as client:
        client.flushall()
        yield client


@pytest.fixture
def queue(connection):
    return Queue(DEFAULT, connection=connection)


@pytest.fixture
def jobs(redis, connection):
    queue = JobQueue(redis.address)
    yield queue
    queue.close()
