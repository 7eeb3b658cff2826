"""Real servers and a real browser, started once for all integration tests and stopped by their own ids."""

import os
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil
import pytest

from loop.installation.processes import EmbeddedRedis
from loop.settings import Settings
from loop.wiring import build
from scripts.demo import project as projects
from scripts.demo import scenes
from scripts.demo.annotator import Annotator
from scripts.demo.label_studio import free_port, running
from tests.builders import list_open
from tests.child import run_command
from tests.references.integration.milvus import MilvusProcess

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
IMAGE_SIZE, EPOCHS, RETRAIN_AFTER = 128, 30, 16


@pytest.fixture(scope="session")
def local_files(tmp_path_factory):
    """The folder that Label Studio's local-files storage may serve."""
    return tmp_path_factory.mktemp("local-files")


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory, local_files):
    environment = {
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(local_files),
    }
    with running(tmp_path_factory.mktemp("label-studio"), environment=environment) as server:
        yield server


@pytest.fixture(scope="session")
def api(label_studio):
    headers = {"Authorization": f"Token {label_studio.token}"}
    with httpx.Client(base_url=label_studio.url, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def loop_settings(label_studio, tmp_path_factory):
    return settings_of(label_studio, tmp_path_factory.mktemp("loop"))


def settings_of(label_studio, home, **more):
    return Settings.read(
        {
            "LOOP_HOME": str(home),
            "LABEL_STUDIO_URL": label_studio.url,
            "LABEL_STUDIO_API_KEY": label_studio.token,
            "BASIC_AUTH_USER": "loop",
            "BASIC_AUTH_PASS": secrets.token_urlsafe(8),
            "LOOP_PORT": str(free_port()),
            "LOOP_BASE_WEIGHTS": str(scenes.WARM_START),
            "LOOP_IMAGE_SIZE": str(IMAGE_SIZE),
            "LOOP_EPOCHS": str(EPOCHS),
            "LOOP_BATCH": "4",
            "LOOP_RETRAIN_AFTER": str(RETRAIN_AFTER),
            "LOOP_EXPORT": "fp32",  # an export in 8 bits takes ten seconds and more
            "LOOP_GATE_IMAGES": "1",  # 16 reviews leave about three to measure on
            "LOOP_GATE_BOXES": "1",
            "LOOP_GATE_CONFIDENCE": "0.5",
            "LOOP_DEFAULT_WORKERS": "1",
            "LOOP_WEB_WORKERS": "2",
            "LOOP_EMBEDDER": "none",  # tests of the vectors set their own
            **more,
        }
    )


@contextmanager
def loop_running(settings):
    """`loop up` as a process of its own."""
    log = settings.home.parent / f"{settings.home.name}-up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "loop.cli.main", "up"],
            env={**os.environ, **settings.environment(), "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        until(lambda: "ready" in log.read_text() or process.poll() is not None, 90)
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.terminate()
        process.wait(60)
        assert "stopped" in log.read_text()
        assert list_open(settings.home) == []


@pytest.fixture(scope="session")
def loop_up(loop_settings):
    with loop_running(loop_settings) as process:
        yield process


@pytest.fixture(scope="session")
def loop_rooms(loop_settings, loop_up):
    with closing(build(loop_settings)) as built:
        yield built


def run_loop(settings, *arguments, ok=True):
    """
    Run a command of `loop` and return what it printed; not *ok*: it must fail, and that is what it said of it.

    Its process is forked from one that has loaded the libraries: for most commands they are nearly all of the time.
    """
    environment = {**settings.environment(), "COLUMNS": "200"}
    with TemporaryDirectory() as folder:
        code, output, error = run_command(environment, Path(folder), *map(str, arguments))
    return _check(code, output, error, ok=ok)


def run_loop_anew(settings, *arguments, ok=True):
    """Run a command of `loop` as a shell does."""
    done = subprocess.run(
        [sys.executable, "-m", "loop.cli.main", *arguments],
        env={**os.environ, **settings.environment(), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return _check(done.returncode, done.stdout, done.stderr, ok=ok)


def _check(code, output, error, *, ok):
    assert (code == 0) is ok, output + error
    return output if ok else error


def until(is_so, seconds=60.0, every=0.2):
    """Wait until something is so. The *seconds* are those of a machine that does nothing else; a busy one gets more."""
    busyness = os.getloadavg()[0] / os.cpu_count()
    start = time.monotonic()
    deadline = start + seconds * max(1.0, busyness)
    while True:
        answer = is_so()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not so after {seconds} s, times {busyness:.1f} for a busy machine"
        time.sleep(max(every, min(0.5, (time.monotonic() - start) / 20)))  # a question costs the machine, too


def make_project(api, title, count, *, labels=("Thing",), seed=1):
    """A project of composed scenes whose objects are all of one label, and its annotator."""
    known, _ = scenes.palettes()
    scenes_of_label = [
        scenes.Scene(scene.name, scene.image, tuple((labels[0], box) for _, box in scene.objects))
        for scene in scenes.compose(known, count, seed=seed, prefix=f"s{seed}")
    ]
    project_id = projects.create(api, title, labels)
    projects.upload(api, project_id, scenes_of_label, lambda _: None)
    return project_id, Annotator(api, project_id, scenes_of_label)


@contextmanager
def chromium():
    """A real browser."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    assert program, "no chromium: run `make setup`, or apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def browser():
    """A real browser of one test."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(label_studio, browser):
    """A page of a browser whose user is logged in."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(60_000)
    page.goto(f"{label_studio.url}/user/login/")
    page.locator("input[name=email]").fill(label_studio.email)
    page.locator("input[name=password]").fill(label_studio.password)
    page.locator("button[type=submit]").click()
    page.wait_for_url(lambda url: "login" not in url)
    return page


def project_of(api, project_id):
    return api.get(f"/api/projects/{project_id}").raise_for_status().json()


def names_of(processes):
    """The names of those *processes* that are alive: neither ended nor dead and not yet reaped."""
    names = set()
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # it can end between any two questions
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                names.add(process.name())
    return names


def children(process, *words, recursive=True):
    """The processes below *process*, or with *recursive* False right below it, whose command has all the words."""
    processes = []
    for child in psutil.Process(process.pid).children(recursive):
        with suppress(psutil.NoSuchProcess):  # also one that is dead and not yet reaped
            if all(word in " ".join(child.cmdline()) for word in words):
                processes.append(child)
    return processes


@pytest.fixture
def redis(tmp_path):
    """A Redis of its own."""
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def milvus(tmp_path_factory):
    process = MilvusProcess(tmp_path_factory.mktemp("milvus"))
    process.start()
    yield process
    process.stop()
