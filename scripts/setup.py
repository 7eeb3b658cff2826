"""
Make everything this checkout needs: `.venv`, Label Studio's own environment and the demo's assets.

Runs on a bare Python 3.11 or newer, before anything is installed. The big parts are built once per content under
`~/.cache/label-studio-yolo-loop` (or `LOOP_CACHE`) and shared by all checkouts; a second clone reuses them.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from scripts.assets import ASSETS, Asset

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("LOOP_CACHE") or Path.home() / ".cache" / "label-studio-yolo-loop")
LOCK, TOOLS_LOCK = ROOT / "requirements.lock", ROOT / "requirements.tools.lock"
LABEL_STUDIO = "1.23.2"
SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a command; its output is shown only when it fails."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"setup: {' '.join(map(str, command))} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Let one process at a time build *folder*."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{folder.name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"setup: another set-up makes {folder}: waiting for it", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def ensure(folder: Path, what: str, build: Callable[[Path], None]) -> Path:
    """Return *folder*, built once; a build that was cut off is started over."""
    with lock(folder):
        if not (folder / ".complete").exists():
            print(f"setup: {what} -> {folder}", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            build(folder)
            (folder / ".complete").touch()
    return folder


def read_pins() -> str:
    """Return the lock without its hashes: the same versions are the same environment, whatever files they come in."""
    pins = [line for line in LOCK.read_text().splitlines() if not line.startswith(" ")]  # the hashes stand below
    return "".join(pin.removesuffix(" \\") + "\n" for pin in pins)


def packages(folder: Path) -> None:
    """
    Install the lock into an environment of its own; pip refuses every file whose hash the lock does not have.

    It begins as a copy, by hard links, of the newest environment of this Python: only what differs is downloaded.
    """
    complete = [made.parent for made in CACHE.glob("packages-*/.complete") if (made.parent / SITE).is_dir()]
    if complete:
        copy_environment(max(complete, key=lambda other: other.stat().st_mtime), folder)
    else:
        venv.create(folder, with_pip=True)
    pip = (folder / "bin/python", "-m", "pip")
    run(*pip, "install", "--no-deps", "--require-hashes", "-r", LOCK)
    installed = json.loads(subprocess.check_output([*pip, "list", "--format", "json"]))
    surplus = {normal(package["name"]) for package in installed} - {normal(pin) for pin in read_names()} - {"pip"}
    if surplus:
        run(*pip, "uninstall", "--yes", *sorted(surplus))


def read_names() -> list[str]:
    """Return the names of the packages in the lock."""
    return [re.split(r"[\[= ]", pin, maxsplit=1)[0] for pin in read_pins().splitlines()]


def normal(name: str) -> str:
    """Return the name of a package in the form in which two names of one package are equal."""
    return re.sub(r"[-_.]+", "-", name).lower()


def copy_environment(old: Path, new: Path) -> None:
    """Make an environment with the packages and commands of another one, by hard links."""
    venv.create(new)
    shutil.copytree(old / SITE, new / SITE, copy_function=link, dirs_exist_ok=True)
    for script in (old / "bin").iterdir():
        if script.is_file() and not (new / "bin" / script.name).exists():
            entry_point(script, new / "bin" / script.name, old, new)


def tools_folder() -> Path:
    """Return the environment of the programs that check deploy/ and build the docs."""
    return CACHE / f"tools-{hashlib.sha256(f'{TOOLS_LOCK.read_text()}{sys.version}'.encode()).hexdigest()[:12]}"


def install(*packages: str) -> Callable[[Path], None]:
    """Return the build step that makes an environment with *packages* of pip: Label Studio's pins never fit ours."""

    def build(folder: Path) -> None:
        venv.create(folder, with_pip=True)
        run(folder / "bin/python", "-m", "pip", "install", *packages)

    return build


def fetch(asset: Asset) -> Callable[[Path], None]:
    """Return the build step that downloads *asset*, checks it and unpacks it."""

    def build(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            pinned = f"{asset.name}=={asset.version}" if asset.source == "pip" else f"{asset.name}={asset.version}"
            if asset.source == "pip":
                run(sys.executable, "-m", "pip", "download", "--no-deps", "-d", scratch, pinned)
            else:
                shutil.which("apt-get") or sys.exit(f"setup: no `apt-get`: {asset.name} is a Debian package")
                refresh_apt(asset.name)
                run("apt-get", "download", pinned, cwd=Path(scratch))
            (archive,) = Path(scratch).iterdir()
            digest = hashlib.sha256(archive.read_bytes()).hexdigest()
            if digest != asset.sha256:
                sys.exit(f"setup: {archive.name} has SHA-256 {digest}, expected {asset.sha256}")
            folder.mkdir(parents=True)
            if asset.source == "pip":
                shutil.unpack_archive(archive, folder, "zip")
            else:
                run("dpkg-deb", "-x", archive, folder)

    return build


def refresh_apt(package: str) -> None:
    """Read Debian's package lists once where the machine has none."""
    if subprocess.run(["apt-cache", "show", package], capture_output=True, check=False).returncode:
        run("apt-get", "update")


def chromium() -> None:
    """Install the browser of the labelling-page test where this may be done, else say so."""
    if shutil.which("chromium"):
        return
    if os.geteuid() or not shutil.which("apt-get"):
        print("setup: no `chromium` here: the browser tests need it (Debian: apt-get install chromium)", flush=True)
        return
    print("setup: chromium", flush=True)
    run("apt-get", "update")
    run("apt-get", "install", "-y", "--no-install-recommends", "chromium")


def checkout_venv(shared: Path) -> None:
    """Make `.venv`: hard links to the shared packages, entry points of its own, this checkout as `loop`."""
    target = ROOT / ".venv"
    stamp = target / ".made-from"
    commands = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()  # that file names them
    made_from = f"{shared} {commands}"
    if stamp.exists() and stamp.read_text() == made_from:
        return
    print(f"setup: .venv -> {target}", flush=True)
    shutil.rmtree(target, ignore_errors=True)
    copy_environment(shared, target)
    run(target / "bin/python", "-m", "pip", "install", "--no-deps", "--no-build-isolation", "-e", ROOT)
    stamp.write_text(made_from)


def link(source: str, target: str) -> None:
    """Hard-link a file, or copy it where the cache is on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def entry_point(script: Path, target: Path, old: Path, new: Path) -> None:
    """Bring one command over, pointing its first line at the new environment."""
    try:
        text = script.read_text()
    except UnicodeDecodeError:
        link(str(script), str(target))
        return
    target.write_text(text.replace(str(old), str(new)))
    shutil.copymode(script, target)


def main() -> None:
    """Make the parts named on the command line; all of them by default."""
    name = f"packages-{hashlib.sha256(f'{read_pins()}{sys.version}'.encode()).hexdigest()[:12]}"
    checkout_venv(ensure(CACHE / name, "the locked packages, 7.4 GB, some minutes", packages))
    if "--packages-only" in sys.argv:
        return
    ensure(
        tools_folder(), "checks of deploy/, builder of docs, 0.3 GB", install("--require-hashes", "-r", str(TOOLS_LOCK))
    )
    ensure(CACHE / f"label-studio-{LABEL_STUDIO}", "Label Studio, 1 GB", install(f"label-studio=={LABEL_STUDIO}"))
    for asset in ASSETS:
        ensure(CACHE / "assets" / asset.name, f"{asset.name} {asset.version}", fetch(asset))
    chromium()
    print("setup: everything is here", flush=True)


if __name__ == "__main__":
    here = f"setup: {sys.executable} is Python {sys.version.split()[0]}"
    if sys.version_info < (3, 11):  # noqa: UP036 (it runs before anything is installed, by whatever Python there is)
        sys.exit(f"{here}: 3.11, 3.12 or 3.13 is needed; install it, or name it: make setup PYTHON=/path/of/python3.12")
    if not find_spec("ensurepip"):
        sys.exit(f"{here} and makes no environments: install its module venv (Debian: apt-get install python3-venv)")
    try:
        main()
    except OSError as error:
        sys.exit(f"setup: {error.filename or CACHE}: {error.strerror}; LOOP_CACHE names another folder")
    except KeyboardInterrupt:
        sys.exit("setup: stopped; run it again, and it goes on")
