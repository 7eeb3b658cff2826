"""The other versions of Python that `make` takes: their set-up, and the tests that start nothing."""

import shutil
import subprocess

import pytest

from scripts.setup import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(5400)]
LEFT_OUT = shutil.ignore_patterns(".venv", ".git", "site", "demo-out", "*.egg-info", "__pycache__", ".*_cache")


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_the_tests_that_start_nothing_pass(version, tmp_path):
    python = shutil.which(f"python{version}")
    if not python or subprocess.run([python, "-c", ""], check=False).returncode:  # pyenv's name for another version
        pytest.skip(f"python{version} is not on this machine")
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, ignore=LEFT_OUT)

    subprocess.run([python, "-m", "scripts.setup", "--packages-only"], cwd=checkout, check=True)
    ended = subprocess.run(
        [".venv/bin/python", "-m", "pytest", "-q", "-x", "-m", "not integration and not long and not chaos"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout[-5000:]
