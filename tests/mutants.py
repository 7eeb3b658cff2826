"""JSON as it should be, changed at a few places into what nobody foresaw."""

import copy
import math

from hypothesis import strategies as st

NESTED = None
for _ in range(60):
    NESTED = [NESTED, {"a": NESTED}] if _ < 3 else [NESTED]

UNFORESEEN = (
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63 - 1,
    2**63,
    10**400,
    0.5,
    1e308,
    -1e308,
    math.nan,
    math.inf,
    "",
    " ",
    "x",
    "-1",
    "\ud800",
    "a\0b",
    "\u202e\U0001f697",
    "y" * 5000,
    "9999-12-31T23:59:59-12:00",
    "0001-01-01T00:00:00+14:00",
    "2026-02-30T12:00:00Z",
    "/data/upload/1/../../../etc/passwd",
    [],
    {},
    [[]],
    [None],
    [1, "x", None],
    {"id": {}},
    {"id": 2**63},
    {"x": {"y": []}},
    NESTED,
)


@st.composite
def mutants(draw, good, *, keep=()):
    """*good* with one to three changes; the keys of *keep* at its top stay as they are."""
    changed = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        _change(draw, changed, keep)
    return changed


def _change(draw, container, keep):
    """Walk down to some place, and delete, replace, wrap, or repeat what is there."""
    while True:
        keys = [key for key in _keys(container) if key not in keep]
        if not keys:
            return
        key, keep = draw(st.sampled_from(keys)), ()
        if _keys(container[key]) and draw(st.integers(0, 3)):
            container = container[key]
            continue
        act = draw(st.sampled_from(("replace", "replace", "replace", "delete", "wrap", "twin", "text")))
        if act == "delete":
            del container[key]
        elif act == "wrap":
            container[key] = [container[key]]
        elif act == "text":
            container[key] = str(container[key])
        elif act == "twin" and isinstance(container, list):
            container.append(copy.deepcopy(container[key]))
        else:
            container[key] = copy.deepcopy(draw(st.sampled_from(UNFORESEEN)))
        return


def _keys(value):
    if isinstance(value, dict):
        return sorted(value)
    return list(range(len(value))) if isinstance(value, list) else []
