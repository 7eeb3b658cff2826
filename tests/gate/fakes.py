"""Detectors whose evaluations are given."""

from tests.fakes import FakeDetectors


class EvaluatedDetectors(FakeDetectors):
    """Detectors whose evaluations are given, by the bytes of their weights; each takes *milliseconds* an image."""

    def __init__(self, evaluations, milliseconds=None):
        super().__init__()
        self._evaluations, self._milliseconds = evaluations, milliseconds or {}

    def evaluate(self, weights, data, framing=None, *labels):
        return self._evaluations[weights.read_bytes()]

    def latencies(self, weights, images):
        return [self._milliseconds.get(path.read_bytes(), 10.0) for path, _ in weights]
