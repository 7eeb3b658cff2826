"""Writers of datasets that are killed at every step."""

import subprocess
import sys
from pathlib import Path

import pytest

KILLED = """
import os, signal, sys
from pathlib import Path
from loop.datasets import folder as dataset_folder
from loop.datasets.writer import open_draft
from loop.vision.image_files import prepare_file
from tests.builders import picture
from tests.datasets.builders import ITEMS, LABELS, SIDES

STEPS = {"os.link", "os.mkdir", "os.remove", "os.rename", "os.utime", "shutil.rmtree"}
root, is_damaged = Path(sys.argv[1]) / "out", sys.argv[2] == "damaged"
for task in (1, 2, 3):
    (root.parent / f"{task}.jpg").write_bytes(picture(colour=(task, 0, 0)))

def find(item):
    return prepare_file(root.parent / f"{item.task_id}.jpg", "", 10**6, root.parent)

def write():
    with open_draft(root, shared_images=root / ".images", known=root / ".known") as draft:
        draft.add(ITEMS[:3], LABELS, find, at_once=1)
        return draft.finish(SIDES, LABELS)

def write_until(last):
    count = 0
    def step(event, arguments):
        nonlocal count
        if event in STEPS:
            if count == last:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1
    sys.addaudithook(step)
    write()

steps, is_killed, first = 0, True, write()
while is_killed:
    if is_damaged:
        (first.folder / "labels" / "train" / "task-00000001.txt").unlink()
    child = os.fork()
    if not child:
        write_until(steps)
        os._exit(0)
    is_killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    if not is_damaged:
        dataset_folder.verify(first)
    assert write().hash == first.hash
    dataset_folder.verify(first)
    names = {path.name for path in root.iterdir() if path.suffix != ".lock"} | {p.name for p in first.folder.iterdir()}
    wanted = {".known", first.folder.name, "data.yaml", "images", "items.jsonl", "labels", "manifest.json"}
    assert names == wanted, (steps, names)
    steps += 1
print(steps)
"""


@pytest.mark.parametrize("state", ["sound", "damaged"])
def test_wherever_a_writer_is_killed_a_sound_dataset_stands_and_the_next_writer_goes_on(tmp_path, state):
    command = [sys.executable, "-W", "ignore", "-c", KILLED, str(tmp_path), state]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])

    assert not done.returncode, done.stderr
    assert int(done.stdout) > 20
