"""An export that is killed, or that a lack of memory or disk stops, leaves nothing and decides nothing."""

import pytest

from loop.errors import WeightsRefused
from loop.registry.export import export_once
from tests.fakes import FakeDetectors
from tests.registry.fakes import Deadly, killed_in
from tests.swap import swap


class OnCpu(FakeDetectors):
    """Detectors of a machine without a GPU, whose export succeeds, or fails with an error."""

    serves_exports = True
    error = None

    def export(self, weights, out):
        if self.error:
            raise WeightsRefused("it", "a network that cannot be exported", "no advice") from self.error
        out.write_bytes(b"exported")


def export_first(rooms):
    export_once(rooms.registry, rooms.registry.versions.get(1, "1.0.0"))


@pytest.mark.parametrize(
    "lack",
    [MemoryError(), OSError(28, "No space left on device"), RuntimeError("basic_ios::clear: iostream error")],
    ids=["memory", "disk", "disk under OpenVINO"],
)
def test_a_passing_lack_of_memory_or_disk_is_no_refusal(rooms, weights, lack, caplog):
    detectors = OnCpu()
    ready = swap(rooms, (rooms.registry.detectors, detectors))
    version = ready.registry.versions.add(1, weights())
    detectors.error = lack

    first = export_once(ready.registry, version)
    detectors.error = None
    second = export_once(ready.registry, version)

    assert first is None
    assert second.file.exists()
    assert f"{version.name}: its trained weights serve, as it cannot be exported now" in caplog.text


def test_a_network_that_openvino_does_not_know_is_a_refusal(rooms, weights):
    detectors = OnCpu()
    detectors.error = RuntimeError("no rule to convert an operation")
    ready = swap(rooms, (rooms.registry.detectors, detectors))
    version = ready.registry.versions.add(1, weights())

    export_once(ready.registry, version)

    assert ready.registry.exports.of(version).file is None


def test_an_export_that_was_killed_leaves_nothing_after_tidying(rooms, settings, weights):
    version = rooms.registry.versions.add(1, weights())
    killed_in(settings, export_first, {"registry.detectors": Deadly(OnCpu(), "export")})
    left = {path.name for path in version.weights.parent.iterdir()}

    rooms.registry.tidy(1)

    assert len(left) == 3  # the weights, the folder of the export and its lock
    assert list(version.weights.parent.iterdir()) == [version.weights]
