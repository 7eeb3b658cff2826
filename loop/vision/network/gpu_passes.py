"""Passes images through a network on a GPU; CUDA graphs start all the work of a pass in one call."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from loop.failures import describe_error
from loop.regions import Pixels
from loop.vision.ultralytics_setup import repeat_arithmetic

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

MOST_SHAPES = 40  # of input, of one network; of 640 pixels it has 39
DEVICE_LOCK = threading.Lock()
"""Held by a thread that captures, and by one that waits for the whole device: the wait makes a capture fail."""


class Recorder(Protocol):
    """Captures work on a device."""

    def use_stream(self) -> AbstractContextManager[Any]:
        """Put the work of this thread on the stream of the recorder."""

    def record(self, work: Callable[[], torch.Tensor]) -> tuple[Callable[[], None], torch.Tensor]:
        """Capture *work*; return a function that repeats it, and its result, which each repetition writes anew."""


class CudaRecorder:
    """CUDA graphs of one stream, which share memory: one of them runs at a time."""

    def __init__(self, device: torch.device) -> None:
        import torch

        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()
        self._stream.wait_stream(torch.cuda.current_stream(device))

    def use_stream(self) -> AbstractContextManager[Any]:
        """Put the work of this thread on the stream of the graphs."""
        import torch

        return torch.cuda.stream(self._stream)

    def record(self, work: Callable[[], torch.Tensor]) -> tuple[Callable[[], None], torch.Tensor]:
        """Capture *work*, see `Recorder`; other threads may use the device meanwhile."""
        import torch

        graph, stream, mode = torch.cuda.CUDAGraph(), self._stream, "thread_local"
        with DEVICE_LOCK, torch.cuda.graph(graph, self._pool, stream, capture_error_mode=mode):
            output = work()
        return graph.replay, output


@dataclass(frozen=True, slots=True)
class _Recording:
    """A pass of input of one shape, with its memory; *anchors* are read by the graph, and let go by the network."""

    host_input: torch.Tensor
    device_input: torch.Tensor
    repeat: Callable[[], None]
    device_output: torch.Tensor
    host_output: torch.Tensor
    anchors: tuple[torch.Tensor, torch.Tensor]

    def run(self, pixels: Pixels) -> NDArray[np.float32]:
        self.host_input.numpy()[:] = pixels
        self.device_input.copy_(self.host_input, non_blocking=True)
        self.repeat()
        self.host_output.copy_(self.device_output)
        output: NDArray[np.float32] = self.host_output.numpy().copy()
        return output


class GpuPasses:
    """
    A network on a GPU, through which each image goes alone; threads can share it.

    The second image of a shape captures the pass of this shape, and further ones repeat it, with an equal result to the
    bit. Of the shapes, those used last stay in memory. After any failure passes are not captured any more: where memory
    is short, that of the captured ones comes free.
    """

    def __init__(self, network: Any, recorder: Recorder | None = None) -> None:
        """Take a fused network of ultralytics in float32, whose input has sides that are multiples of its stride."""
        import torch

        self._network, self._device = network, next(network.parameters()).device
        self._recorder = recorder or CudaRecorder(self._device)
        self._recordings: OrderedDict[tuple[int, ...], _Recording | None] = OrderedDict()  # None: seen once
        self._may_capture = True
        self._most = torch.tensor(255.0, device=self._device)  # by a plain number CUDA multiplies with its inverse
        self._lock = threading.Lock()

    def infer(self, pixels: Pixels) -> NDArray[np.float32]:
        """Return the output for an image that `Letterbox.scale` made."""
        import torch

        with self._lock, torch.inference_mode(), self._recorder.use_stream():
            repeat_arithmetic()
            try:
                return self._infer(pixels)
            except Exception as error:
                if not self._may_capture:
                    raise
                failure = describe_error(error)
            self._stop_captures(failure)  # after the error, which holds memory
            return self._infer(pixels)

    def _infer(self, pixels: Pixels) -> NDArray[np.float32]:
        import torch

        if self._may_capture and (recording := self._find(pixels.shape)):
            return recording.run(pixels)
        output: NDArray[np.float32] = self._forward(torch.from_numpy(pixels).to(self._device)).cpu().numpy()
        return output

    def _find(self, shape: tuple[int, ...]) -> _Recording | None:
        """Return the recording for a shape, which its second use makes, and forget the shape used least recently."""
        is_known = shape in self._recordings
        recording = self._recordings.pop(shape, None)
        if is_known and recording is None:
            recording = self._record(shape)
        self._recordings[shape] = recording
        if len(self._recordings) > MOST_SHAPES:
            self._recordings.popitem(last=False)
        return recording

    def _record(self, shape: tuple[int, ...]) -> _Recording:
        import torch

        is_pinned = self._device.type == "cuda"
        host_input = torch.zeros(shape, dtype=torch.uint8, pin_memory=is_pinned)
        device_input = host_input.to(self._device)
        self._forward(device_input)  # the head makes the anchors of this shape, which cannot be captured
        head = self._network.model[-1]
        repeat, output = self._recorder.record(lambda: self._forward(device_input))
        host_output = torch.empty(output.shape, pin_memory=is_pinned)
        return _Recording(host_input, device_input, repeat, output, host_output, (head.anchors, head.strides))

    def _forward(self, pixels: torch.Tensor) -> torch.Tensor:
        channels = pixels.permute(2, 0, 1).contiguous().flip(0)[None].float().div_(self._most)
        output: torch.Tensor = self._network(channels)[0][0]
        return output

    def _stop_captures(self, failure: str) -> None:
        log.warning(
            "no CUDA graphs from here on, so images take longer, until the weights are loaded again: %s", failure
        )
        self._may_capture = False
        self._recordings.clear()
