"""Detectors whose evaluations are given."""

from collections.abc import Iterator

from tests.fakes import FakeDetectors


class EvaluatedDetectors(FakeDetectors):
    """
    Detectors whose evaluations are given, by the bytes of their weights; each takes *milliseconds* an image.

    An iterator of milliseconds has those of each measurement.
    """

    def __init__(self, evaluations, milliseconds=None):
        super().__init__()
        self._evaluations, self._milliseconds = evaluations, milliseconds or {}

    def evaluate(self, weights, data, framing=None, *labels):
        return self._evaluations[weights.read_bytes()]

    def latencies(self, weights, images):
        given = [self._milliseconds.get(path.read_bytes(), 10.0) for path, _ in weights]
        return [next(one) if isinstance(one, Iterator) else one for one in given]
