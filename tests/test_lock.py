"""The lock names every package by version and hash, and one environment by its versions alone."""

import re

from scripts import setup

PIN = re.compile(r"([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?==(\S+)(?: ; .+)?")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}")


def test_every_package_of_the_lock_has_hashes_of_its_files():
    requirements = re.split(r"\n(?! )", setup.LOCK.read_text().rstrip("\n"))

    for requirement in requirements:
        pin, *hashes = requirement.split(" \\\n")
        assert PIN.fullmatch(pin)
        assert hashes, pin
        assert all(map(HASH.fullmatch, hashes)), pin
    assert len(requirements) > 150


def test_the_versions_of_the_lock_name_the_environment(tmp_path, monkeypatch):
    (tmp_path / "lock").write_text(
        "a==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\nb==2 ; os_name == 'nt' \\\n    --hash=sha256:22\n"
    )
    monkeypatch.setattr(setup, "LOCK", tmp_path / "lock")

    assert setup.read_pins() == "a==1\nb==2 ; os_name == 'nt'\n"
