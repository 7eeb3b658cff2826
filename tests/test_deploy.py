"""The image, the compose files, the example for Kubernetes and the units, as far as they can be checked unstarted."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from loop.cli.tree import load_all
from loop.settings import Settings
from scripts import only_dev, setup
from scripts.dockerfile import read_steps
from scripts.reference import commands

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE, GPU = DEPLOY / "docker-compose.yml", DEPLOY / "docker-compose.gpu.yml"
KUBERNETES, UNITS = DEPLOY / "kubernetes.yaml", sorted((DEPLOY / "systemd").glob("*.service"))
OURS = ("web", "schedule", "default", "gpu")
GUNICORN = ["gunicorn", "--config", "python:backend.gunicorn_options", "backend.app:create_app()"]
COMMANDS = {name for name, _ in commands(load_all())}


def tool(name):
    """A program of the environment that `make setup` makes for them."""
    program = setup.tools_folder() / "bin" / name
    if not program.exists():
        pytest.skip(f"{name} is not here: make setup")
    return program


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def services(file=COMPOSE):
    return yaml.safe_load(file.read_text())["services"]


def pods():
    documents = yaml.safe_load_all(KUBERNETES.read_text())
    return {item["metadata"]["name"]: item for item in documents if item["kind"] == "Deployment"}


def container(name):
    return pods()[name]["spec"]["template"]["spec"]["containers"][0]


def test_the_dockerfile_has_no_finding_of_hadolint():
    assert run(tool("hadolint"), ROOT / "Dockerfile") == (0, "")


def test_the_image_runs_as_a_user_and_has_a_health_check():
    last = {step.word: step for step in read_steps((ROOT / "Dockerfile").read_text())}

    assert last["USER"].text == "1000:1000"
    assert "/health" in last["HEALTHCHECK"].text
    assert last["CMD"].as_list() == ["loop", "up"]


def test_nothing_goes_to_the_builder_but_what_the_dockerfile_copies():
    steps = read_steps((ROOT / "Dockerfile").read_text())
    copied = {
        name for step in steps if step.word == "COPY" and "--from" not in step.text for name in step.text.split()[:-1]
    }
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert "*" in ignored
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == copied


def test_the_image_lacks_what_only_the_tests_need():
    assert only_dev.FILE.read_text() == only_dev.only_dev(), "run `python -m scripts.only_dev`"


def test_the_small_image_has_all_packages_but_those_of_cuda(tmp_path):
    steps = read_steps((ROOT / "Dockerfile").read_text())
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    command = next(step.text for step in steps if step.word == "RUN" and "awk" in step.text)

    subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, check=True)

    def names(file):
        return set(re.findall(r"^([\w.-]+)==", (tmp_path / file).read_text(), re.MULTILINE))

    left_out = names("requirements.lock") - names("cpu.lock")
    assert names("torch.txt") == {"torch", "torchvision"}
    assert names("torch.txt") < left_out
    assert all(re.match("torch|cuda|nvidia|triton", name) for name in left_out)
    assert len(left_out) > 15


def test_the_compose_files_are_of_the_compose_specification():
    status, said = run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", COMPOSE, GPU)

    assert status == 0, said


@pytest.fixture
def passwords(tmp_path):
    """The variables of the example, with a password for each that has none."""
    file = tmp_path / "env"
    file.write_text(
        re.sub(r"^(\w+_PASSWORD)=$", r"\1=secret", (DEPLOY / "env.example").read_text(), flags=re.MULTILINE)
    )
    return file


def compose(*arguments):
    if shutil.which("docker-compose"):
        return run("docker-compose", *arguments)
    if not run("docker", "compose", "version")[0]:
        return run("docker", "compose", *arguments)
    return pytest.skip("neither `docker-compose` nor `docker compose` is here (Debian: apt-get install docker-compose)")


@pytest.mark.parametrize("files", [(COMPOSE,), (COMPOSE, GPU)], ids=["cpu", "gpu"])
def test_compose_takes_its_files(files, passwords):
    status, said = compose(
        "--env-file", passwords, *[part for file in files for part in ("-f", file)], "config", "--quiet"
    )

    assert status == 0, said


def test_compose_starts_nothing_without_passwords():
    status, said = compose("--env-file", DEPLOY / "env.example", "-f", COMPOSE, "config", "--quiet")

    assert status != 0
    assert "see deploy/env.example" in said


def test_label_studio_is_the_version_that_is_tested():
    assert services()["studio"]["image"] == f"heartexlabs/label-studio:{setup.LABEL_STUDIO}"


def test_label_studio_reaches_the_backend_by_a_name_with_a_dot():
    web, studio = services()["web"], services()["studio"]
    host = urlsplit(web["environment"]["LOOP_URL"]).hostname

    assert "." in host
    assert host in web["networks"]["web"]["aliases"]
    assert urlsplit(web["environment"]["LABEL_STUDIO_URL"]).hostname in studio["networks"]["web"]["aliases"]
    assert studio["environment"]["ML_BLOCK_LOCAL_IP"] == studio["environment"]["SSRF_PROTECTION_ENABLED"] == "false"


def test_label_studio_reaches_no_store_of_the_loop():
    stores = {name for name, part in services().items() if "stores" in part["networks"] and name not in OURS}

    assert stores == {"redis", "milvus", "etcd", "minio"}
    assert "stores" not in services()["studio"]["networks"]
    assert all("ports" not in services()[name] for name in (*stores, "postgres"))


def test_the_gpu_is_reserved_for_parts_that_use_it():
    reserved = services(GPU)

    assert set(reserved) == {"web", "default", "gpu"}
    assert all(part["deploy"]["resources"]["reservations"]["devices"] for part in reserved.values())


def test_a_pod_has_a_gpu_of_its_own_and_only_the_trainings_have_any():
    limits = {name: container(name)["resources"]["limits"].get("nvidia.com/gpu") for name in OURS}

    assert limits == {"web": None, "schedule": None, "default": None, "gpu": 1}
    assert pods()["gpu"]["spec"]["strategy"]["type"] == pods()["schedule"]["spec"]["strategy"]["type"] == "Recreate"


def test_kubernetes_takes_the_example():
    status, said = run(tool("kubernetes-validate"), "--strict", KUBERNETES)

    assert status == 0, said


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_unit(unit, tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here (Debian: apt-get install systemd)")
    text = unit.read_text().replace("/opt/yolo-loop/bin/", f"{ROOT}/.venv/bin/").replace("User=yolo-loop", "User=root")
    copy = tmp_path / unit.name.replace("@", "@1")
    copy.write_text(text)

    assert run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", copy) == (0, "")


def started():
    """Each command of ours that a file starts, by where it stands."""
    for name in OURS:
        yield f"compose {name}", services()[name]["command"]
        yield f"kubernetes {name}", container(name)["command"]
    for unit in UNITS:
        yield (
            unit.name,
            shlex.split(re.search(r"^ExecStart=/opt/yolo-loop/bin/(.+)$", unit.read_text(), re.MULTILINE)[1]),
        )


@pytest.mark.parametrize("command", [pytest.param(command, id=name) for name, command in started()])
def test_what_is_started_exists(command):
    if command[0] == "loop":
        assert f"loop {command[1]}" in COMMANDS
    else:
        assert command[:4] == GUNICORN


@pytest.mark.parametrize(
    "file", [COMPOSE, KUBERNETES, *UNITS, DEPLOY / "env.example", ROOT / "Dockerfile"], ids=lambda p: p.name
)
def test_every_setting_that_is_named_exists(file):
    assert set(re.findall(r"\b(LOOP_[A-Z_]+)\b", file.read_text())) <= set(Settings.variables().values())
