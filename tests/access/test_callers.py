"""The routes that are open to each sender."""

import pytest

from loop.access.callers import EVENTS, SIGN_OUT, Caller, CallerKind

ROUTES = {
    "set-up": ("POST", "protocol.setup"),
    "predict": ("POST", "protocol.predict"),
    "versions": ("GET", "protocol.versions"),
    "metrics": ("GET", "protocol.metrics"),
    "bulk": ("POST", "api.bulk"),
    "verdicts": ("GET", "api.verdicts"),
    "events": ("POST", EVENTS),
    "new": ("GET", "api.of_tomorrow"),
    "sign-out": ("POST", SIGN_OUT),
}
OPEN = {
    CallerKind.WEBHOOK: {"events"},
    CallerKind.BACKEND: {"set-up", "predict", "versions", "events"},
    CallerKind.OPERATOR: set(ROUTES),
    CallerKind.TOKEN: set(ROUTES) - {"events"},
    CallerKind.READER: {"versions", "metrics", "verdicts", "new", "sign-out"},
}


@pytest.mark.parametrize("kind", CallerKind)
def test_each_sender_has_its_routes(kind):
    sender = Caller(kind, "somebody")

    assert {name for name, route in ROUTES.items() if sender.may(*route)} == OPEN[kind]
