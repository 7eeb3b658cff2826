"""No request of whatever form gets an internal error from a page."""

from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backend.dashboard.builders import HOSTILE, PAGE, PROJECT, token_in_page

SLOW = ("dashboard.doctor",)  # asks other services
NAMES = ("page", "project", "kind", "since", "failed", "all", "by", "label", "sort", "version", "most", "run", "q")
WORDS = st.sampled_from([*("0", "-1", "1", "5", "9" * 30, "", "\0", "\udcff", "None", "2026-01-31", "../..", HOSTILE)])
TEXTS = WORDS | st.text(max_size=20)


def rules(app, method):
    return [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("dashboard.")
        and method in rule.methods
        and not rule.endpoint.startswith((*SLOW, "dashboard.static", "dashboard.sign"))
    ]


def write_path(rule, data):
    """A path of a rule, with any value in each of its places."""
    parts = {}
    for name, converter in rule._converters.items():
        is_number = "Integer" in type(converter).__name__
        numbers = st.sampled_from([1, PROJECT, 0, 7, 10**30])
        parts[name] = data.draw(numbers) if is_number else data.draw(TEXTS)
    path = rule.rule
    for value in parts.values():
        start = path.index("<")
        path = f"{path[:start]}{quote(str(value).encode(errors='surrogatepass'), safe='')}{path[path.index('>') + 1 :]}"
    return path


def encode(fields):
    pairs = [(name, value.encode(errors="surrogatepass")) for name, value in fields]
    return urlencode(pairs)


@pytest.mark.sqlite
@settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_no_page_and_no_action_fails(filled, operator, data):
    method = data.draw(st.sampled_from(["GET", "GET", "POST"]))
    path = write_path(data.draw(st.sampled_from(rules(filled, method))), data)
    fields = data.draw(st.lists(st.tuples(st.sampled_from([*NAMES, "id", "why", "name", "x"]), TEXTS), max_size=5))

    if method == "GET":
        answer = operator.get(f"{path}?{encode(fields)}", headers=PAGE)
    else:
        form = encode([*fields, ("csrf_token", token_in_page(operator))])
        kind = "application/x-www-form-urlencoded"
        answer = operator.post(path, data=form, content_type=kind, headers=PAGE)

    assert answer.status_code < 500, f"{method} {path} {fields}: {answer.text[-400:]}"
    assert HOSTILE not in answer.text
