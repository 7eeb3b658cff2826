"""A real training in a LOOP_HOME whose name has everything in it that means something elsewhere."""

from contextlib import closing

import numpy as np
import pytest

from loop.wiring import build
from tests.training.builders import reviewed_project, settings_in
from tests.training.integration.trainee import run


@pytest.mark.timeout(300)
def test_a_training_is_killed_goes_on_and_serves_in_a_home_of_an_odd_name(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    settings = settings_in(tmp_path / "a ?b%20c#d [x] 'é\" *", LOOP_EPOCHS="2", LOOP_EMBEDDER="efficientnet:")
    reviewed_project(settings)
    with closing(build(settings)) as rooms:
        rooms.trainings.store.ask(1, "by hand")
        assert run(settings, "in the second epoch") == -9

        assert run(settings) == 0

        (ended,) = rooms.trainings.store.last(1)
        assert ended.status in ("promoted", "refused"), ended.error
        (version,) = rooms.registry.versions.list(1)
        assert len(rooms.registry.load(version).detector.detect([np.zeros((64, 64, 3), np.uint8)], 0.05)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [settings.home.name]
