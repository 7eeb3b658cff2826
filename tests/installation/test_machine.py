"""A machine that lacks something of the installation refuses to work for it, and says what."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from loop.errors import MachineUnfit
from loop.installation.checks_machine import machine as check
from loop.installation.findings import Level
from loop.installation.machine import PLACE, SOFTWARE
from loop.installation.upkeep.file_place import FILES
from loop.storage.exchange_tables import installation
from loop.storage.file_store import FileStore
from loop.storage.keys import DerivedSecrets


@pytest.fixture
def first(rooms, tmp_path):
    """The machine that leads; its records are shared."""
    home = tmp_path / "first"
    home.mkdir()
    machine = replace(rooms.installation.machine, home=home, is_shared=True, embedder="yolo:", milvus="")
    machine.lead()
    return machine


@pytest.fixture
def elsewhere(first):
    """The first machine, as if it ran on another host."""
    first.facts.replace(PLACE, {"host": "first.example", "boot": "another"})
    return first


@pytest.fixture
def other_home(tmp_path):
    home = tmp_path / "second"
    home.mkdir()
    return home


def test_a_machine_with_all_that_it_needs_works(first):
    replace(first).join()

    assert first.problems() == []


def test_a_machine_of_its_own_needs_no_mark(rooms, settings):
    rooms.installation.machine.join()

    assert not (settings.home / "installation.id").exists() or settings.database_url


def test_a_machine_without_the_files_refuses_and_says_where_they_are(first, other_home):
    second = replace(first, home=other_home)

    with pytest.raises(MachineUnfit, match=rf"LOOP_HOME {other_home} does not have the files .* in .*:{first.home}: "):
        second.join()
    with pytest.raises(MachineUnfit):
        second.place.check()


def test_a_machine_without_the_files_does_not_lead_and_changes_nothing(first, other_home):
    second = replace(first, home=other_home, keys=DerivedSecrets(first.facts, other_home, "another"))
    first.facts.replace(PLACE, {"host": "first.example", "boot": "another"})

    with pytest.raises(MachineUnfit, match="does not have the files"):
        second.lead()

    assert DerivedSecrets(first.facts, first.home).key()
    assert first.facts.get(PLACE)["host"] == "first.example"


def test_a_folder_under_another_path_is_the_same_folder(first, tmp_path):
    (tmp_path / "mounted").symlink_to(first.home)

    replace(first, home=tmp_path / "mounted").join()


def test_files_that_were_lost_are_given_up_by_hand(first, other_home):
    second = replace(first, home=other_home)

    assert second.place.adopt(list).endswith(f":{first.home}")

    second.join()
    with pytest.raises(MachineUnfit):
        first.join()


def test_a_machine_elsewhere_needs_a_milvus_that_it_reaches(elsewhere):
    (missing,) = elsewhere.problems()
    changed = replace(elsewhere, milvus="http://127.0.0.1:9", answers=lambda: False)
    (_, is_down, is_set) = [None, *changed.problems()]

    assert missing.startswith("LOOP_MILVUS_URI is not set: the embedded Milvus serves first.example alone")
    assert is_down == "Milvus at http://127.0.0.1:9 does not answer from here: start it, or correct LOOP_MILVUS_URI"
    assert is_set.startswith("LOOP_MILVUS_URI is set here and not set where the schedule runs")


def test_a_machine_that_embeds_nothing_needs_no_milvus(elsewhere):
    elsewhere.facts.replace(SOFTWARE, {})

    replace(elsewhere, embedder=None).join()


@pytest.mark.parametrize("name", ["the code", "torch", "LOOP_EMBEDDER"])
def test_a_machine_with_other_code_or_settings_refuses_and_names_them(first, name):
    there = {**first.facts.get(SOFTWARE), name: "other"}
    first.facts.replace(SOFTWARE, there)

    with pytest.raises(MachineUnfit, match=f"{name} is .* here and other where the schedule runs: install the same"):
        first.join()


def test_shared_records_are_upgraded_by_the_machine_that_leads_alone(first):
    with first.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))

    with pytest.raises(MachineUnfit, match=r"the records have revision 0001, the code here .*: install the same"):
        first.join()


def test_a_machine_without_the_key_refuses_and_the_doctor_names_all_that_is_missing(first, other_home, rooms):
    keys = DerivedSecrets(first.facts, other_home, "another")
    second = replace(rooms.installation, machine=replace(first, home=other_home, keys=keys))

    findings = check(second)

    assert [finding.level.value for finding in findings] == ["wrong"] * 3
    assert "LOOP_WEBHOOK_SECRET is not that of the installation" in findings[0].found
    assert "does not have the files of the installation" in findings[1].found
    assert "LOOP_MILVUS_URI is not set" in findings[2].found


@pytest.fixture
def stored(first, tmp_path):
    """The first machine, with its files in a store from the beginning."""
    machine = in_store(first, tmp_path / "stored", f"file://{tmp_path}/store")
    with first.engine.begin() as connection:
        connection.execute(sa.delete(installation).where(installation.c.name == FILES))
    machine.lead()
    return machine


def in_store(machine, home, address):
    home.mkdir(exist_ok=True)
    return replace(machine, home=home, files=FileStore(home, address))


def test_with_a_store_a_machine_needs_no_folder_of_another(stored, tmp_path):
    second = in_store(stored, tmp_path / "second", f"file://{tmp_path}/store")

    second.join()

    assert list(second.home.iterdir()) == []


def test_a_machine_that_does_not_reach_the_store_refuses_and_the_doctor_names_it(rooms, stored, tmp_path):
    (tmp_path / "no folder").write_text("a file")
    second = in_store(stored, tmp_path / "second", f"file://{tmp_path}/no folder/store")

    with pytest.raises(MachineUnfit, match=r"LOOP_STORE file://.*no folder/store does not do its work: NotADirectory"):
        second.join()

    findings = check(replace(rooms.installation, machine=second))
    assert any("LOOP_STORE" in finding.found and finding.level == Level.WRONG for finding in findings)


def test_a_machine_with_another_store_or_none_refuses_and_says_where_the_files_are(stored, tmp_path):
    other = in_store(stored, tmp_path / "second", f"file://{tmp_path}/another")
    none = replace(stored, files=FileStore(stored.home))

    for machine in (other, none):
        with pytest.raises(MachineUnfit, match=f"they are in file://{tmp_path}/store: set LOOP_STORE to it"):
            machine.join()


def test_a_store_of_another_installation_is_refused_before_anything_is_recorded(first, tmp_path):
    with first.engine.begin() as connection:
        connection.execute(sa.delete(installation).where(installation.c.name == FILES))
    machine = in_store(first, tmp_path / "stored", f"file://{tmp_path}/store")
    machine.files.write_mark("of another")

    with pytest.raises(MachineUnfit, match="has the files of another installation"):
        machine.lead()

    assert first.facts.get(FILES) is None
    assert machine.files.read_mark() == "of another"


def test_files_in_a_folder_are_adopted_into_a_store(first, tmp_path):
    (first.home / "weights/1").mkdir(parents=True)
    (first.home / "weights/1/ab.pt").write_bytes(b"weights")
    moved = in_store(first, first.home, f"file://{tmp_path}/store")
    with pytest.raises(MachineUnfit, match="on the machine that has them, which copies them to the store"):
        moved.lead()

    moved.place.adopt(lambda: moved.files.put(first.home / "weights/1/ab.pt"))

    moved.lead()
    second = in_store(first, tmp_path / "second", f"file://{tmp_path}/store")
    second.join()
    assert second.files.get(second.home / "weights/1/ab.pt")


def test_a_folder_with_weights_is_not_left_out_of_a_new_store(first, tmp_path):
    with first.engine.begin() as connection:
        connection.execute(sa.delete(installation).where(installation.c.name == FILES))
    (first.home / "weights/1").mkdir(parents=True)
    (first.home / "weights/1/ab.pt").write_bytes(b"weights")

    with pytest.raises(MachineUnfit, match="lacks the files that are in LOOP_HOME: run `loop adopt` here"):
        in_store(first, first.home, f"file://{tmp_path}/store").lead()


def test_a_store_that_got_only_a_part_of_the_files_is_refused_until_they_are_adopted_again(first, tmp_path):
    with first.engine.begin() as connection:
        connection.execute(sa.delete(installation).where(installation.c.name == FILES))
    moved = in_store(first, first.home, f"file://{tmp_path}/store")

    def put_all_but_die():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        moved.place.adopt(put_all_but_die)
    for machine in (moved, in_store(first, tmp_path / "second", f"file://{tmp_path}/store")):
        with pytest.raises(MachineUnfit, match="has only a part of the files: run `loop adopt` again"):
            machine.lead()

    moved.place.adopt(lambda: None)

    moved.lead()
