"""What the errors of a training mean, in one short line for a person. Pure."""

from __future__ import annotations

import re

from loop.errors import LoopError
from loop.secrecy import redact

MOST_NAMED = 10  # tasks in a line
LONGEST = 300  # characters of a line
# Ultralytics takes the last two for memory as well (engine/trainer.py, `_do_train`).
OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "failed to allocate",
    "insufficient memory",
    "bad_alloc",
    "cublas_status_alloc_failed",
    "unable to find an engine",
)
# oneDNN, which computes convolutions on a CPU: out of memory is a status beside this text, and torch drops the status.
# It says so where it gets no memory for its code or its scratchpad; of a shape that it does not know, it says
# "could not create a primitive descriptor".
NO_PRIMITIVE = re.compile(r"could not (create|execute) a primitive(?! descriptor)")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: a GPU's, or, as torch, NumPy and OpenCV put it, the machine's."""
    text = str(error).lower()
    is_told = any(sign in text for sign in OUT_OF_MEMORY) or NO_PRIMITIVE.search(text) is not None
    return isinstance(error, MemoryError) or is_told


def tasks_in(text: str) -> list[int]:
    """The tasks whose images or labels a text names: a snapshot calls theirs `task-00000012`."""
    return sorted({int(digits) for digits in re.findall(r"task-(\d{8,})\b", text)})


def name_tasks(task_ids: list[int]) -> str:
    """Some tasks in a few words, the first ones by id."""
    more = f" and {len(task_ids) - MOST_NAMED} more" if len(task_ids) > MOST_NAMED else ""
    word = "task" if len(task_ids) == 1 else "tasks"
    return f"{word} {', '.join(str(one) for one in task_ids[:MOST_NAMED])}{more}"


def told(error: BaseException) -> str:
    """An error in a line: ours as it is; another's kind, the tasks that it names, and the beginning of what it says."""
    text = redact(str(error).strip())
    if isinstance(error, LoopError):
        return text
    tasks = tasks_in(text)
    first = " ".join(text.split("\n", 1)[0].split())
    line = f"{type(error).__name__}: {f'{name_tasks(tasks)}: ' if tasks else ''}{first}"
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
