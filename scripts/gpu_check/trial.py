"""A detector on a GPU by other means than it serves by: half precision, and batches of a fixed shape."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.regions import Pixels
from loop.vision.detector import MOST_DETECTIONS, RuntimeDetector, least_before_rounding
from loop.vision.network.letterbox import GREY, Letterbox
from loop.vision.network.suppression import suppress
from loop.vision.ultralytics_detector import UltralyticsDetector
from loop.vision.ultralytics_setup import repeat_arithmetic

STRIDE, WARM_UP = 32, 3
Bytes = NDArray[np.uint8]  # (height, width, 3), BGR: the input of the network


@dataclass(frozen=True, slots=True)
class Means:
    """How a network runs: *batch* images of one shape at once, the rest of them grey."""

    is_half: bool = False
    is_head_float: bool = True  # else the boxes are computed in half precision too
    is_graph: bool = False
    batch: int = 1


@dataclass(slots=True)
class _Shape:
    """What the network needs for input of one shape."""

    host: Any
    device: Any
    graph: Any = None
    output: Any = None
    answer: Any = None
    anchors: Any = None  # a graph reads them at their place in memory; the head forgets them at another shape


class TrialDetector(RuntimeDetector):
    """The network of a detector, run by other means; threads can share it."""

    def __init__(self, detector: UltralyticsDetector, image_size: int, means: Means) -> None:
        network = deepcopy(detector.network).eval()
        self.class_names, self.image_size, self.means = detector.class_names, image_size, means
        self._network = _make_half(network, is_head_float=means.is_head_float) if means.is_half else network
        self._device = next(network.parameters()).device
        self._shapes: dict[tuple[int, ...], _Shape] = {}
        self._lock, self._pool = threading.Lock(), None

    def fill(self, image: Pixels) -> tuple[Letterbox, Bytes]:
        """Scale an image into the input of the network."""
        place = Letterbox.of(image, self.image_size, STRIDE)
        return place, place.scale(image)

    def infer(self, inputs: Sequence[Bytes]) -> NDArray[np.float32]:
        """Return the output for at most *batch* inputs of one shape, (inputs, 4 + classes, boxes)."""
        import torch

        with self._lock, torch.inference_mode():
            repeat_arithmetic()
            shape = self._shapes.get(inputs[0].shape) or self.prepare(inputs[0].shape)
            host = shape.host.numpy()
            host[: len(inputs)], host[len(inputs) :] = np.stack(inputs), GREY[0]
            shape.device.copy_(shape.host, non_blocking=True)
            if shape.graph:
                shape.graph.replay()
            output = shape.output if shape.graph else self._forward(shape.device)
            if shape.answer is None:
                shape.answer = torch.empty(output.shape, pin_memory=self._is_cuda)
            shape.answer.copy_(output)
            answer: NDArray[np.float32] = shape.answer[: len(inputs)].numpy().copy()
        return answer

    def prepare(self, size: tuple[int, ...]) -> _Shape:
        """Make ready for input of a shape, under the lock."""
        import torch

        blank = torch.full((self.means.batch, *size), GREY[0], dtype=torch.uint8)
        host = blank.pin_memory() if self._is_cuda else blank
        shape = _Shape(host, blank.to(self._device))
        if self.means.is_graph:
            self._capture(shape)
        self._shapes[size] = shape
        return shape

    def _capture(self, shape: _Shape) -> None:
        """Record the work of the network, to be repeated in one call."""
        import torch

        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                self._forward(shape.device)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            shape.output = self._forward(shape.device)
        head = self._network.model[-1]
        shape.anchors = head.anchors, head.strides
        shape.graph, self._pool = graph, graph.pool()  # type: ignore[assignment]

    @property
    def _is_cuda(self) -> bool:
        return bool(self._device.type == "cuda")

    def _forward(self, inputs: Any) -> Any:
        pixels = inputs.permute(0, 3, 1, 2).flip(1)
        pixels = (pixels.half() if self.means.is_half else pixels.float()).div_(255)
        return self._network(pixels.contiguous())[0].float()

    def _rows(self, image: Pixels, floor: float, *, is_multi_label: bool) -> NDArray[np.float64]:
        place, pixels = self.fill(image)
        (output,) = self.infer([pixels])
        return choose(place, output, image, floor, is_multi_label=is_multi_label)


class GatheringDetector(TrialDetector):
    """The same, where the images of several threads that wait at once go through the network together."""

    def __init__(self, detector: UltralyticsDetector, image_size: int, means: Means) -> None:
        super().__init__(detector, image_size, means)
        self._waiting: queue.Queue[tuple[Bytes, Future[NDArray[np.float32]]] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread that gathers."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            group = [first]
            while len(group) < self.means.batch and not self._waiting.empty():
                pair = self._waiting.get()
                if pair is None or pair[0].shape != first[0].shape:
                    self._waiting.put(pair)
                    break
                group.append(pair)
            try:
                for output, (_, future) in zip(self.infer([pixels for pixels, _ in group]), group, strict=True):
                    future.set_result(output)
            except Exception as error:  # noqa: BLE001 (the threads that wait raise it)
                for _, future in group:
                    future.set_exception(error)

    def _rows(self, image: Pixels, floor: float, *, is_multi_label: bool) -> NDArray[np.float64]:
        place, pixels = self.fill(image)
        future: Future[NDArray[np.float32]] = Future()
        self._waiting.put((pixels, future))
        return choose(place, future.result(), image, floor, is_multi_label=is_multi_label)


def choose(
    place: Letterbox, output: NDArray[np.float32], image: Pixels, floor: float, *, is_multi_label: bool = False
) -> NDArray[np.float64]:
    """Choose the detections from the output for an image."""
    rows = suppress(output, least_before_rounding(floor), MOST_DETECTIONS, is_multi_label=is_multi_label)
    place.scale_back(rows, image)
    return rows.astype(np.float64)


def _make_half(network: Any, *, is_head_float: bool) -> Any:
    """Have a network compute in half precision; in float32 from the outputs of the last convolutions on, if asked."""
    import torch

    network = network.half().to(memory_format=torch.channels_last)
    if is_head_float:
        head = network.model[-1]
        head.dfl.float()
        inner = head._inference
        head._inference = lambda parts: inner(
            {**parts, "boxes": parts["boxes"].float(), "scores": parts["scores"].float()}
        )
    return network
