"""The threads that numeric libraries work with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """
    Have OpenMP and BLAS use one thread.

    On a machine whose cores are busy, with a training for instance, several threads that wait for each other by
    spinning are far slower than one: t-SNE of 515 vectors took 88 s with two, 4 s with one.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
