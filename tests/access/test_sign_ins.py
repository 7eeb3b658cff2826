"""Links that sign a person in once."""

from loop.access import sign_ins
from loop.access.callers import Caller, CallerKind
from loop.storage.installation_store import InstallationStore


def test_a_link_signs_in_once(rooms):
    own = rooms.access.sign_ins
    ticket = own.make("ann", is_read_only=False)

    first, second = own.use(ticket), own.use(ticket)

    assert (first, second) == (Caller(CallerKind.OPERATOR, "ann"), None)


def test_a_link_to_look_only_makes_a_reader(rooms):
    own = rooms.access.sign_ins

    assert own.use(own.make("ann", is_read_only=True)) == Caller(CallerKind.READER, "ann")


def test_a_new_link_ends_the_one_before(rooms):
    own = rooms.access.sign_ins
    old, new = own.make("ann", is_read_only=False), own.make("bob", is_read_only=False)

    assert own.use(old) is None
    assert own.use(new) == Caller(CallerKind.OPERATOR, "bob")


def test_an_old_link_signs_nobody_in(rooms, monkeypatch):
    monkeypatch.setattr(sign_ins, "LASTS", -1)
    own = rooms.access.sign_ins

    assert own.use(own.make("ann", is_read_only=False)) is None


def test_nothing_and_odd_texts_sign_nobody_in(rooms):
    own = rooms.access.sign_ins

    assert [own.use(ticket) for ticket in ("", "x", "\ud800", "é" * 9999)] == [None] * 4
    own.make("ann", is_read_only=False)
    assert [own.use(ticket) for ticket in ("", "x", "\ud800", "é" * 9999)] == [None] * 4


def test_the_records_hold_no_ticket(rooms):
    ticket = rooms.access.sign_ins.make("ann", is_read_only=False)

    assert ticket not in str(InstallationStore(rooms.engine).get(sign_ins.FACT))
