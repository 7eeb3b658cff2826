"""A command imports only what it needs, so that it starts quickly."""

import gc
import inspect
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from loop.cli.main import YOUNG
from loop.cli.running import PYTHONS_YOUNG, prepare_service
from loop.cli.tree import FILE_OF, TOP, load_all
from loop.settings import Settings
from loop.wiring import build
from tests.builders import CONFIG

PRINT_IMPORTS = """
import atexit, sys
at_start = set(sys.modules)
atexit.register(lambda: print(*set(sys.modules) - at_start, file=sys.stderr))
from loop.cli.main import run
sys.exit(run(sys.argv[1:]))
"""
PRINTING = {"annotated_doc", "attr", "markdown_it", "mdurl", "pygments", "rich", "shellingham", "typer"}
SETTINGS = {"annotated_types", "dotenv", "pydantic", "pydantic_core", "pydantic_settings", "typing_extensions"}
QUEUES = {"click", "dateutil", "redis", "rq", "six"}
HTTP = {"anyio", "certifi", "h11", "httpcore", "httpx", "idna", "sniffio"}
LABEL_STUDIO = {"_cffi_backend", "cryptography", "defusedxml", "jwt", "label_studio_sdk"}  # jwt takes the first two
RECORDS = {"filelock", "greenlet", "sqlalchemy"}


def imports(*arguments, home, **variables):
    """Run a command in a process of its own; return the modules of `loop`, and the other packages, it imported."""
    modules = import_modules(*arguments, home=home, **variables)
    packages = {name.partition(".")[0] for name in modules} & packages_distributions().keys()
    return {name for name in modules if name.startswith("loop.")}, packages - {"loop"}


def import_modules(*arguments, home, **variables):
    """Run a command in a process of its own; return the names of all modules that it imported."""
    program = [sys.executable, "-c", PRINT_IMPORTS, *arguments]
    environment = {"LOOP_HOME": str(home), "PATH": "", **variables}
    ended = subprocess.run(program, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode in (0, 1), ended.stderr
    return ended.stderr.splitlines()[-1].split()


def test_the_help_of_loop_imports_no_wiring_and_only_libraries_that_print(tmp_path):
    ours, libraries = imports("--help", home=tmp_path)

    assert {name.split(".")[1] for name in ours} == {"cli", "errors", "printable", "secrecy"}
    assert libraries <= PRINTING


def test_the_status_of_an_installation_imports_only_libraries_of_its_parts(tmp_path):
    studio = {"LABEL_STUDIO_URL": "http://127.0.0.1:9", "LABEL_STUDIO_API_KEY": "a" * 40}
    imports("status", home=tmp_path)  # makes the records

    ours, libraries = imports("status", home=tmp_path, **studio)

    allowed = PRINTING | SETTINGS | QUEUES | HTTP | LABEL_STUDIO | RECORDS | {"psutil", "typing_inspection"}
    assert sorted(libraries - allowed) == []
    assert "loop.jobs" not in ours


def test_a_service_looks_for_garbage_as_often_as_python_does():
    own = gc.get_threshold()
    gc.set_threshold(YOUNG)
    try:
        prepare_service("loop worker")

        assert gc.get_threshold()[0] == PYTHONS_YOUNG
    finally:
        gc.set_threshold(*own)


READERS = ("clusters list", "models list", "policy", "training list", "lineage --annotator 1", "verdicts")
READERS_OF_ALL = ("audit", "deliveries", "events", "tokens list")
NUMERICAL = {"PIL", "cv2", "faiss", "numpy", "openvino", "scipy", "sklearn", "torch"}


@pytest.mark.parametrize("command", [*READERS_OF_ALL, *(f"{command} --project 1" for command in READERS)])
def test_a_command_that_only_reads_records_imports_no_numerical_library(tmp_path, monkeypatch, command):
    monkeypatch.setenv("LOOP_HOME", str(tmp_path))
    rooms = build(Settings.read(), migrate=True)
    rooms.studio.projects.save(1, "Cars", CONFIG)
    rooms.close()

    ours, libraries = imports(*command.split(), home=tmp_path)

    assert sorted(libraries & NUMERICAL) == []
    assert "loop.jobs" not in ours


def test_the_help_of_loop_says_of_each_command_what_its_own_help_begins_with():
    own = {name: inspect.cleandoc(command.help).partition("\n\n")[0] for name, command in load_all().commands.items()}

    assert {name: line for listed in TOP.values() for name, (_, line) in listed.items()} == own


@pytest.mark.parametrize(("service", "is_loaded"), [("worker default", True), ("schedule", False)])
def test_what_jobs_need_is_loaded_by_a_worker_before_it_forks_and_not_by_the_schedule(tmp_path, service, is_loaded):
    records = build(Settings.read({"LOOP_HOME": str(tmp_path)}), migrate=True)
    records.close()
    needed = {"scipy.optimize", "label_studio_sdk.base_client", "httpx"}
    nothing_answers = {"LOOP_REDIS_URL": "redis://127.0.0.1:9"}  # both end when they would begin their work

    modules = import_modules(*service.split(), home=tmp_path, **nothing_answers)

    assert "loop.jobs" in modules
    assert needed & {*modules} == (needed if is_loaded else set())


LOAD_FILES = """
import importlib, sys
for file in sys.argv[1:]:
    importlib.import_module(f"loop.cli.{file}")
    for name in ("cv2", "faiss", "label_studio_sdk", "loop.jobs", "openvino", "pymilvus", "sklearn", "torch"):
        if sys.modules.pop(name, None):
            print(file, "loads", name)
"""


def test_no_file_of_commands_loads_a_network_an_image_library_or_the_jobs():
    done = subprocess.run(
        [sys.executable, "-c", LOAD_FILES, *sorted({*FILE_OF.values()})], check=True, capture_output=True, text=True
    )

    assert done.stdout == ""
