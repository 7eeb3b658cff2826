"""
Checks training, serving and embedding on a GPU; needs no server and no network.

`python -m scripts.gpu_check prepare FOLDER` composes scenes where the assets of the demo are. `python -m
scripts.gpu_check run FOLDER` works on them and prints JSON. A check that fails has its error as its value, and the exit
code is 1.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any

from scripts.demo import project, scenes
from scripts.gpu_check import faster, graphs, serving, training
from scripts.gpu_check.subject import Options, Subject

SEED = 11


def machine(subject: Subject) -> dict[str, Any]:
    """Versions and the card."""
    import torch
    import ultralytics

    card = torch.cuda.get_device_name() if subject.is_cuda else "none"
    return {"torch": torch.__version__, "ultralytics": ultralytics.__version__, "card": card, **subject.memory()}


CHECKS = (
    machine,
    training.trainings,
    serving.same_boxes,
    serving.neighbours,
    serving.speed,
    serving.embeddings,
    serving.large_images,
    graphs.threads,
    graphs.graphs,
    graphs.heads,
    graphs.full_card,
    faster.stages,
    faster.half,
    faster.micro_batches,
    faster.gathered,
    training.same_weights,
    training.loader,
    training.batches,
    training.short_of_memory,
    training.precision,
)


def prepare(folder: Path, count: int) -> None:
    """Compose scenes, and copy the start weights."""
    palette, _ = scenes.palettes()
    project.write_dataset(folder, sorted(scenes.CLASSES), scenes.compose(palette, count, seed=SEED, prefix="g"))
    shutil.copy(scenes.WARM_START, folder / "start.pt")


def run(options: Options, out: Path | None, names: list[str]) -> int:
    """Run the checks of these names, by default all, and print each answer when it is there; 1 where one failed."""
    subject, answers, code = Subject(options), {}, 0
    with closing(subject.rooms):
        for check in [check for check in CHECKS if not names or check.__name__ in names]:
            began = time.perf_counter()
            try:
                answer: Any = check(subject)
            except Exception as error:  # noqa: BLE001 (the other checks still say something)
                traceback.print_exc()
                answer, code = f"failed: {type(error).__name__}: {error}", 1
            seconds = round(time.perf_counter() - began, 1)
            answers[check.__name__] = {"seconds": seconds, "answer": answer}
            print(json.dumps({check.__name__: answers[check.__name__]}), flush=True)
            if out:
                out.write_text(json.dumps(answers, indent=1))
    return code


def main() -> int:
    """Read the arguments, and prepare or run."""
    parser = argparse.ArgumentParser(prog="python -m scripts.gpu_check")
    parser.add_argument("step", choices=["prepare", "run"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="0", help="as LOOP_DEVICE")
    parser.add_argument("--scenes", type=int, default=160)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--image-size", type=int, default=320)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="names of checks")
    arguments = parser.parse_args()
    if arguments.step == "prepare":
        prepare(arguments.folder, arguments.scenes)
        return 0
    with tempfile.TemporaryDirectory() as home:
        options = Options(
            arguments.folder, Path(home, "home"), arguments.device, arguments.epochs, arguments.image_size
        )
        return run(options, arguments.out, arguments.only)


if __name__ == "__main__":
    sys.exit(main())
