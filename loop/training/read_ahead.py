"""Loads the next images of a training in a thread, beside the step of a CPU."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

AHEAD = 2  # batches in memory beside the one of the step


class ReadAhead:
    """
    A loader of ultralytics, whose batches come from a thread that loads some of them before they are asked for.

    The thread ends with each epoch, because ultralytics changes the loader between them. It alone draws the random
    numbers of the augmentation, in the order of the batches, so the weights are those of a loader without a thread.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of an epoch."""
        import torch

        batches = iter(self._loader)
        with ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            ahead = deque(pool.submit(next, batches, None) for _ in range(AHEAD))
            while (batch := ahead.popleft().result()) is not None:
                ahead.append(pool.submit(next, batches, None))
                yield batch
