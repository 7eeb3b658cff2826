"""Requests to a network on a CPU: of an image alone by all threads, of several images by a share of them each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.vision.cpu.tuning import Tuning

Fill = Callable[[NDArray[np.float32]], object]


class InferStreams:
    """
    The network twice in memory: for an image alone, by all threads, and, once it is used, for images beside each other.

    Convolutions give the same bits by any number of threads, so an image has the same output either way. With a
    thread for each of several images no thread waits for another one, and the work between two passes is done beside
    other passes.
    """

    def __init__(self, compile_network: Callable[[Tuning], Any], tuning: Tuning) -> None:
        """*compile_network* compiles for a number of images at once and of threads."""
        self._compile, self._tuning = compile_network, tuning
        self._lock = threading.Lock()
        self._inside = 0
        self._alone = _Requests(compile_network(replace(tuning, at_once=1)), 1)

    def infer(self, shape: Sequence[int], fill: Fill) -> NDArray[np.float32]:
        """Return the output for one image, which *fill* writes into an array of a *shape*; threads may call at once."""
        with self._lock:
            self._inside += 1
            is_alone = self._inside == 1 or self._tuning.at_once == 1
        try:
            return (self._alone if is_alone else self._beside).infer(shape, fill)
        finally:
            with self._lock:
                self._inside -= 1

    @property
    def _beside(self) -> _Requests:
        with self._lock:
            return self._made_beside

    @cached_property
    def _made_beside(self) -> _Requests:
        return _Requests(self._compile(self._tuning), self._tuning.at_once)


class _Requests:
    """The requests to a compiled network; each is used by one thread at a time."""

    def __init__(self, compiled: Any, count: int) -> None:
        self._free = SimpleQueue[Any]()
        for _ in range(count):
            self._free.put(compiled.create_infer_request())

    def infer(self, shape: Sequence[int], fill: Fill) -> NDArray[np.float32]:
        request = self._free.get()
        try:
            given = request.get_input_tensor(0)
            given.shape = list(shape)
            fill(given.data)  # into the memory of the request: fresh memory would cost more than the filling
            request.infer()
            output: NDArray[np.float32] = request.get_output_tensor(0).data[0].copy()
        finally:
            self._free.put(request)
        return output
