"""`make` takes a Python that is there, and says how to get one where none is."""

import shutil
import subprocess

import pytest

from scripts.setup import ROOT


def make(*arguments, path):
    ended = subprocess.run(
        [shutil.which("make"), *arguments],
        cwd=ROOT,
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("here", "taken"),
    [(["python3.12", "python3.13"], "python3.12"), (["python3", "python3.13"], "python3.13"), (["python3"], "python3")],
    ids=["3.12", "3.13", "any"],
)
def test_the_first_version_that_works_is_taken(here, taken, tmp_path):
    for name in here:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)

    status, printed = make("-n", "setup", path=tmp_path)

    assert status == 0, printed
    assert f"{tmp_path}/{taken} -m scripts.setup\n" in printed


def test_a_name_that_starts_no_python_is_passed_over(tmp_path):
    for name, status in (("python3.11", 127), ("python3.12", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)

    _, printed = make("-n", "setup", path=tmp_path)

    assert f"{tmp_path}/python3.12 -m scripts.setup\n" in printed


def test_without_any_python_it_says_which_to_install(tmp_path):
    status, printed = make("setup", path=tmp_path)

    assert status != 0
    assert "no Python is here: install 3.11, 3.12 or 3.13" in printed
