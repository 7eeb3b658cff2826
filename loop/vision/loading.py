"""Loads images for work on each of them; the next are fetched and decoded meanwhile, as far as memory allows."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from loop.errors import ImageError
from loop.memory_budget import Loan, Use, budget
from loop.regions import Pixels

if TYPE_CHECKING:
    from loop.label_studio.payloads import Task

AHEAD = 8  # images on their way, for one caller: their files are fetched at once
FETCHED_AHEAD = 4  # of them at least, beside those that are decoded or worked on
DECODED_AHEAD = 2  # images beside those that are worked on at once: no processor waits for a decoded one

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
    source: ImageSource, tasks: Iterable[Task], work: Callable[[Task, Pixels], R], at_once: int = 1
) -> Iterator[R | ImageError]:
    """
    Yield the result of *work* on the image of each task, in their order; a broken image gives its error in its place.

    One image at a time is worked on in the thread of the caller; several, *at_once*, are in threads of their own. A
    task is taken from *tasks* when its file is about to be fetched.

    An image is in memory from its decoding to the end of the work on it. Memory is taken in the order of the tasks: who
    waits for it holds no image, so the work on all others goes on. Raises Overloaded where none comes free in time, and
    the errors of *work*.
    """
    coming, waiting = deque[_Coming[R]](), iter(tasks)
    task = next(waiting, None)
    begun = at_once + DECODED_AHEAD if at_once > 1 else max(2, os.cpu_count() or 1)
    ahead = max(AHEAD, begun + FETCHED_AHEAD)
    with ThreadPoolExecutor(ahead) as pool:
        way = _Way(source, work, pool, is_beside=at_once > 1)
        try:
            while task or coming:
                while task and len(coming) < ahead and (loan := _lend(source, task, is_first=not coming)):
                    coming.append(_Coming(way, task, loan))
                    task = next(waiting, None)
                _begin(list(islice(coming, begun)))
                yield coming.popleft().finish()
        finally:
            pool.shutdown(cancel_futures=True)
            for image in coming:
                image.drop()


def _lend(source: ImageSource, task: Task, *, is_first: bool) -> Loan | None:
    """Return memory for the file of a task; only for the first one wait for it."""
    size = source.largest_file(task)
    return budget().take(Use.FILE, size) if is_first else budget().take_now(Use.FILE, size)


def _begin(images: Sequence[_Coming[R]]) -> None:
    """Begin to decode images, in their order; also those whose files come before the first one is ready."""
    while True:
        blocked = next((image for image in images if not image.begin_decoding(may_wait=image is images[0])), None)
        if blocked is None or not blocked.wait_for_file(images[0]):
            return


@dataclass(frozen=True, slots=True)
class _Way(Generic[R]):
    """The way of each image of one caller; *is_beside*: it is worked on where it is decoded, in the *pool*."""

    source: ImageSource
    work: Callable[[Task, Pixels], R]
    pool: ThreadPoolExecutor
    is_beside: bool


class _Coming(Generic[R]):
    """An image on its way: its file is fetched, then decoded, then worked on."""

    def __init__(self, way: _Way[R], task: Task, loan: Loan) -> None:
        self._way, self._task, self._file_loan = way, task, loan
        self._picture_loan: Loan | None = None
        self._file: Future[FetchedFile | ImageError] | None = way.pool.submit(self._fetch)
        self._rest: Future[Callable[[], R | ImageError]] | None = None  # of the work: it is for the caller to do
        self._error: ImageError | None = None

    def begin_decoding(self, *, may_wait: bool) -> bool:
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
        self._rest = self._way.pool.submit(self._decode, file, loan)
        return True

    def wait_for_file(self, first: _Coming[R]) -> bool:
        """Wait until the file has come, or until the *first* image is ready; return whether it was the file."""
        if self._file is None or self._file.done() or first._rest is None:
            return False
        futures: list[Future[Any]] = [self._file, first._rest]
        wait(futures, return_when=FIRST_COMPLETED)
        return not first._rest.done()

    def finish(self) -> R | ImageError:
        """Return the result of the work on the image, or the error of the image; the image leaves the memory."""
        try:
            rest, self._rest = self._rest, None
            if rest is not None:
                return rest.result()()
            assert self._error is not None
            return self._error
        finally:
            self.drop()

    def drop(self) -> None:
        """Give the memory back."""
        self._file_loan.end()
        if self._picture_loan:
            self._picture_loan.end()

    def _fetch(self) -> FetchedFile | ImageError:
        try:
            file = self._way.source.fetch_file(self._task)
        except ImageError as error:
            self._file_loan.end()
            return error
        self._file_loan.shrink(len(file.content))
        return file

    def _decode(self, file: FetchedFile, loan: Loan) -> Callable[[], R | ImageError]:
        """Decode a file; return the rest of the work: on its image, or with the result."""
        try:
            image = self._way.source.decode_file(file)
        except ImageError as error:
            loan.end()
            return partial(_give, error)
        finally:
            self._file_loan.end()
        loan.shrink(image.nbytes)
        rest = partial(self._way.work, self._task, image)
        if not self._way.is_beside:
            return rest
        result = rest()
        loan.end()
        return partial(_give, result)


def _give(result: R) -> R:
    return result
