"""The lock names every package by version and hash, and one environment by its versions alone."""

import json
import re
import shutil
import subprocess

import pytest

from scripts import setup

PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?==(\S+)(?: ; .+)?")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}")


@pytest.mark.parametrize(("lock", "least"), [(setup.LOCK, 150), (setup.TOOLS_LOCK, 20)], ids=["packages", "tools"])
def test_every_package_of_a_lock_has_hashes_of_its_files(lock, least):
    requirements = re.split(r"\n(?! )", lock.read_text().rstrip("\n"))

    for requirement in requirements:
        pin, *hashes = requirement.split(" \\\n")
        assert PIN.fullmatch(pin)
        assert hashes, pin
        assert all(map(HASH.fullmatch, hashes)), pin
    assert len(requirements) > least


def test_the_versions_of_the_lock_name_the_environment(tmp_path, monkeypatch):
    (tmp_path / "lock").write_text(
        "a==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\nb==2 ; os_name == 'nt' \\\n    --hash=sha256:22\n"
    )
    monkeypatch.setattr(setup, "LOCK", tmp_path / "lock")

    assert setup.read_pins() == "a==1\nb==2 ; os_name == 'nt'\n"


@pytest.mark.long  # the tool is downloaded at its first use
def test_the_list_of_components_has_each_package_of_the_lock_with_its_hashes(tmp_path):
    for name in ("Makefile", "pyproject.toml", setup.LOCK.name):
        shutil.copy(setup.ROOT / name, tmp_path)
    subprocess.run(["make", "sbom", f"VENV={setup.ROOT}/.venv/bin"], cwd=tmp_path, check=True)

    components = json.loads((tmp_path / "sbom.cdx.json").read_text())["components"]
    hashed = {
        (each["name"], each["version"])
        for each in components
        if any(reference.get("hashes") for reference in each["externalReferences"])
    }

    assert hashed == set(re.findall(rf"^{PIN.pattern} \\$", setup.LOCK.read_text(), re.MULTILINE))
