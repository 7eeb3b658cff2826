"""What the errors of a training mean."""

import pytest

from loop.errors import TrainingFailed
from loop.failures import describe_error, is_out_of_memory, name_tasks, tasks_in


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        pytest.param(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), True, id="cuda"),
        pytest.param(
            RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried"),
            True,
            id="torch-on-the-cpu",
        ),
        pytest.param(RuntimeError("could not create a primitive"), True, id="onednn-for-its-code"),
        pytest.param(RuntimeError("could not execute a primitive"), True, id="onednn-for-its-scratchpad"),
        pytest.param(
            RuntimeError("could not create a primitive descriptor for the matmul primitive."),
            False,
            id="onednn-a-shape",
        ),
        pytest.param(MemoryError("Unable to allocate 3.2 GiB for an array"), True, id="numpy"),
        pytest.param(OSError(12, "Cannot allocate memory"), True, id="the-system"),
        pytest.param(RuntimeError("shape mismatch"), False, id="another"),
    ],
)
def test_memory_that_ran_out_is_known_by_what_torch_and_the_system_say(error, is_memory):
    assert is_out_of_memory(error) is is_memory


def test_the_tasks_of_a_snapshot_are_found_in_what_ultralytics_says():
    text = "/s/images/train/task-00000012.jpg: ignoring\n/s/labels/train/task-00000003.txt and task-00000012.jpg"

    assert tasks_in(text) == [3, 12]


def test_many_tasks_are_named_by_the_first():
    assert name_tasks([7]) == "task 7"
    assert name_tasks(list(range(1, 14))) == "tasks 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 3 more"


def test_a_foreign_error_is_one_short_line_that_names_its_tasks():
    said = describe_error(FileNotFoundError(f"Image Not Found /s/images/train/task-00000012.jpg\n{'x' * 1000}"))

    assert said == "FileNotFoundError: task 12: Image Not Found /s/images/train/task-00000012.jpg"
    assert len(describe_error(RuntimeError("y" * 1000))) < 320


def test_an_error_of_ours_is_told_as_it_is():
    assert describe_error(TrainingFailed("out of memory with one image")) == "out of memory with one image"
