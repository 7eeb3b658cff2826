"""
Predict many open tasks into a real Label Studio: `python -m scripts.bench.bulk [TASKS] [PIXELS]`.

The tasks come in one import, their images of 320x240 from a server of this program. The limit of all workers is that of
as many processes as there are workers, which detect by the same export on the same files with nothing around them. At
the end, commands on the project with all its tasks.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from loop.errors import UpstreamError
from scripts.bench import weights
from scripts.bench.figures import BenchReport, Goal, Measurement
from scripts.bench.growth import cpu_seconds
from scripts.bench.installation import LoadedInstallation, compose, installation
from scripts.bench.served_backend import serving
from scripts.demo import project as projects

TASKS, PIXELS, IMAGES, SIZE = 2000, 640, 200, (320, 240)
LIMIT_SECONDS, EVERY = 12.0, 0.5
LEAST_CPU = 1.0  # seconds of a part that is listed
COMMANDS = ("connect", "sync", "status", "doctor")
WORK = "bulk prediction of 10,000 tasks"


@dataclass
class Watched:
    """What was seen while the tasks were predicted: moments in seconds since the import, memory in MB."""

    first_s: float = 0.0
    all_s: float = 0.0
    memory: list[float] = field(default_factory=list)
    line: str = ""
    cpu: dict[str, float] = field(default_factory=dict)  # seconds of each part


def main() -> None:
    """Measure and print, or, as a part of the limit, detect for some seconds and print the images a second."""
    if sys.argv[1:2] == ["--limit"]:
        print(detect(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
        return
    tasks, pixels = (int(given) for given in [*sys.argv[1:], *(str(TASKS), str(PIXELS))[len(sys.argv) - 1 :]])
    with tempfile.TemporaryDirectory(prefix="loop-bulk-") as folder:
        run(Path(folder), tasks, pixels).publish()


def run(folder: Path, tasks: int, pixels: int) -> BenchReport:
    """Import the tasks, watch until all are predicted, then measure the limit and the commands."""
    images = folder / "images"
    images.mkdir()
    for number, scene in enumerate(compose(IMAGES, seed=8)):
        scene.image.resize(SIZE).save(images / f"{number}.jpg", quality=90)
    variables = {"LOOP_EMBEDDER": "none", "LOOP_IMAGE_SIZE": str(pixels), "LOOP_ALLOW_PRIVATE_ADDRESSES": "true"}
    with serving(images) as address, installation(folder, **variables) as loaded:
        project_id = projects.create(loaded.api, "Bulk", weights.LABELS)
        loaded.loop("connect", "--project", str(project_id))
        watched = watch(loaded, project_id, [f"{address}/{number % IMAGES}.jpg" for number in range(tasks)])
        seconds = {}
        for command in COMMANDS:
            project = () if command == "status" else ("--project", str(project_id))
            began = time.perf_counter()
            loaded.loop(command, *project)
            seconds[command] = time.perf_counter() - began
        champion = loaded.rooms.registry.versions.champion(project_id)
        assert champion is not None
        file, workers = loaded.rooms.registry.served_file(champion), loaded.settings.default_workers
        kept = folder / file.name
        kept.write_bytes(file.read_bytes())
    return make_report(tasks, pixels, watched, seconds, limit(kept, images, pixels, workers))


def watch(loaded: LoadedInstallation, project_id: int, addresses: list[str]) -> Watched:
    """Import tasks, and watch until all have a stored prediction."""
    client, watched, began = loaded.rooms.studio.client, Watched(), time.monotonic()
    champion = loaded.rooms.registry.versions.champion(project_id)
    assert champion is not None
    tasks = [{"data": {"image": address}} for address in addresses]
    loaded.api.post(f"/api/projects/{project_id}/import", json=tasks, timeout=600).raise_for_status()
    imported = time.monotonic()
    print(f"imported in {imported - began:.1f} s", flush=True)
    before = cpu_seconds(loaded.settings.home, loaded.studio.pid)
    while not watched.all_s:
        time.sleep(EVERY)
        watched.memory.append(_worker_memory())
        progress = _progress(loaded, project_id)
        now = time.monotonic() - imported
        if progress and not watched.first_s:
            watched.first_s = now
        watched.line = progress or watched.line
        project = loaded.rooms.studio.projects.get(project_id)
        if watched.first_s and not progress and project.refresh_asked == project.refresh_done:
            watched.all_s = now
    after = cpu_seconds(loaded.settings.home, loaded.studio.pid)
    watched.cpu = {name: taken - before.get(name, 0.0) for name, taken in after.items()}
    stored = client.count_open(project_id, champion.name)
    assert stored == len(addresses), f"{stored} of {len(addresses)} are stored"
    return watched


def _progress(loaded: LoadedInstallation, project_id: int) -> str:
    with suppress(UpstreamError):
        noted = loaded.rooms.queue.read_progress().get(f"refresh-{project_id}")
        return noted.line if noted else ""
    return ""


def _worker_memory() -> float:
    """Return the memory of the largest process of a job, in MB."""
    sizes = [0.0]
    for process in psutil.process_iter(["cmdline"]):
        with suppress(psutil.Error):
            if (process.info["cmdline"] or [])[-2:] == ["worker", "default"]:
                sizes += [child.memory_info().rss / 2**20 for child in process.children()]
    return max(sizes)


def limit(file: Path, images: Path, pixels: int, workers: int) -> float:
    """Return the images a second of as many processes as there are workers, and nothing else."""
    command = [sys.executable, "-m", "scripts.bench.bulk", "--limit", str(file), str(images), str(pixels)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // workers))}
    parts = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(workers)]
    return sum(float(part.communicate()[0]) for part in parts)


def detect(file: Path, images: Path, pixels: int) -> float:
    """Detect on the images again and again, from the file to the boxes; return the images a second."""
    import cv2
    import numpy as np

    from loop.vision.cpu.openvino_detector import OpenVinoDetector

    detector, paths, count = OpenVinoDetector(file, image_size=pixels), sorted(images.glob("*.jpg")), 0
    began = time.monotonic()
    while time.monotonic() - began < LIMIT_SECONDS:
        detector.detect([np.asarray(cv2.imread(str(paths[count % len(paths)])), np.uint8)], 0.05)
        count += 1
    return count / (time.monotonic() - began)


def make_report(
    tasks: int, pixels: int, watched: Watched, seconds: dict[str, float], images_a_second: float
) -> BenchReport:
    """Return the figures, with the share of the limit."""
    rate = tasks / watched.all_s
    memory = [size for size in watched.memory if size]
    half = len(memory) // 2
    rows = [
        ["from the end of the import to the first batch, s", f"{watched.first_s:.1f}"],
        ["to the last, s", f"{watched.all_s:.1f}"],
        ["images a second", f"{rate:.1f}"],
        ["the limit of all workers, images a second", f"{images_a_second:.1f}"],
        ["most memory of the job in the first half, MB", f"{max(memory[:half], default=0):.0f}"],
        ["in the second half, MB", f"{max(memory[half:], default=0):.0f}"],
        *([f"`loop {command}` afterwards, s", f"{value:.1f}"] for command, value in seconds.items()),
    ]
    share = rate / images_a_second
    goal = Goal(WORK, "at least 0.85 of the limit of all workers", f"{share:.2f}, {tasks} tasks", share >= 0.85)
    load = f"{tasks} tasks of {SIZE[0]}x{SIZE[1]}, detected at {pixels} px; Label Studio runs on the same cores"
    of_both = watched.all_s * (os.cpu_count() or 1)
    cost = [
        [name, f"{taken:.1f}", f"{taken / of_both:.2f}", f"{1000 * taken / tasks:.1f}"]
        for name, taken in sorted(watched.cpu.items())
        if taken >= LEAST_CPU
    ]
    tables = [
        Measurement("Bulk prediction", ("", "measured"), rows),
        Measurement("Cost until the last", ("", "CPU, s", "share of the cores", "CPU a task, ms"), cost),
    ]
    raw: dict[str, object] = {"memory": watched.memory, "last_line": watched.line, "cpu": watched.cpu}
    return BenchReport("bulk", load, tables, [goal], raw=raw)


if __name__ == "__main__":
    main()
