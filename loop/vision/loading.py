"""Loads images one by one for work on each; the next are fetched and decoded meanwhile, as far as memory allows."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar

from loop.errors import ImageError
from loop.memory_budget import Loan, Use, budget
from loop.regions import Pixels

if TYPE_CHECKING:
    from loop.label_studio.payloads import Task

AHEAD = 8  # files that are fetched at once, for one caller

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """An image file, the *name* of its image in errors, and the bytes of memory that decoding it takes."""

    content: bytes
    name: str
    decoding_bytes: int


class ImageSource(Protocol):
    """Fetches and decodes the images of tasks."""

    def largest_file(self, task: Task) -> int:
        """Return the most bytes that the file of a task's image may have."""

    def fetch_file(self, task: Task) -> FetchedFile:
        """Fetch the file of a task's image. Raises ImageError."""

    def decode_file(self, file: FetchedFile) -> Pixels:
        """Decode a file, within memory that the caller has taken. Raises ImageError."""


def load_each(
    source: ImageSource, tasks: Iterable[Task], work: Callable[[Task, Pixels], R]
) -> Iterator[R | ImageError]:
    """
    Yield the result of *work* on the image of each task, in their order; a broken image gives its error in its place.

    An image is in memory from its decoding to the end of the work on it. Memory is taken in the order of the tasks: who
    waits for it holds no image, so the work on all others goes on. Raises Overloaded where none comes free in time, and
    the errors of *work*.
    """
    waiting, coming = deque(tasks), deque[_Coming]()
    decoded_ahead = max(2, os.cpu_count() or 1)
    with ThreadPoolExecutor(AHEAD) as pool:
        try:
            while waiting or coming:
                _fetch_ahead(source, waiting, coming, pool)
                for place, image in enumerate(islice(coming, decoded_ahead)):
                    if not image.begin_decoding(pool, may_wait=place == 0):
                        break
                yield coming.popleft().finish(work)
        finally:
            pool.shutdown(cancel_futures=True)
            for image in coming:
                image.drop()


def _fetch_ahead(source: ImageSource, waiting: deque[Task], coming: deque[_Coming], pool: ThreadPoolExecutor) -> None:
    """Begin to fetch the next files; only for the first one wait for memory."""
    while waiting and len(coming) < AHEAD:
        size = source.largest_file(waiting[0])
        loan = budget().take_now(Use.FILE, size) if coming else budget().take(Use.FILE, size)
        if loan is None:
            return
        coming.append(_Coming(source, waiting.popleft(), loan, pool))


class _Coming:
    """An image on its way: its file is fetched, then decoded, then worked on."""

    def __init__(self, source: ImageSource, task: Task, loan: Loan, pool: ThreadPoolExecutor) -> None:
        self._source, self._task, self._file_loan = source, task, loan
        self._picture_loan: Loan | None = None
        self._file: Future[FetchedFile | ImageError] | None = pool.submit(self._fetch)
        self._picture: Future[Pixels | ImageError] | None = None
        self._error: ImageError | None = None

    def begin_decoding(self, pool: ThreadPoolExecutor, *, may_wait: bool) -> bool:
        """Begin to decode if the file has come and memory is free, or wait for both; return whether it has begun."""
        if self._file is None:
            return True
        if not may_wait and not self._file.done():
            return False
        file = self._file.result()
        if isinstance(file, ImageError):
            self._file, self._error = None, file
            return True
        need = file.decoding_bytes
        loan = budget().take(Use.PICTURE, need) if may_wait else budget().take_now(Use.PICTURE, need)
        if loan is None:
            return False
        self._file, self._picture_loan = None, loan
        self._picture = pool.submit(self._decode, file, loan)
        return True

    def finish(self, work: Callable[[Task, Pixels], R]) -> R | ImageError:
        """Return the result of *work* on the image, or the error of the image; the image leaves the memory."""
        try:
            picture, self._picture = self._picture, None
            image = self._error if picture is None else picture.result()
            assert image is not None
            return image if isinstance(image, ImageError) else work(self._task, image)
        finally:
            self.drop()

    def drop(self) -> None:
        """Give the memory back."""
        self._file_loan.end()
        if self._picture_loan:
            self._picture_loan.end()

    def _fetch(self) -> FetchedFile | ImageError:
        try:
            file = self._source.fetch_file(self._task)
        except ImageError as error:
            self._file_loan.end()
            return error
        self._file_loan.shrink(len(file.content))
        return file

    def _decode(self, file: FetchedFile, loan: Loan) -> Pixels | ImageError:
        try:
            image = self._source.decode_file(file)
        except ImageError as error:
            loan.end()
            return error
        finally:
            self._file_loan.end()
        loan.shrink(image.nbytes)
        return image
