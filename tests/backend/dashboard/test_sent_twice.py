"""A form that is sent twice, or from a page that is old, does no more than the page said."""

from tests.backend.builders import client_of
from tests.backend.dashboard.builders import PAGE, PROJECT, fill_versions, token_in_page
from tests.fakes import FakeDetectors
from tests.swap import swap

MODELS = f"/loop/projects/{PROJECT}/models/"


def test_a_rollback_that_is_sent_twice_goes_back_once(filled, tmp_path):
    built = filled.extensions["rooms"]
    rooms = filled.extensions["rooms"] = swap(built, (built.registry.detectors, FakeDetectors()))
    fill_versions(rooms, tmp_path, 2)
    champion, previous = (rooms.registry.versions.at(PROJECT, alias).name for alias in ("champion", "previous"))
    operator = client_of(filled)
    form = {"csrf_token": token_in_page(operator), "version": previous, "why": "it was better"}
    assert f'name="version" value="{previous}"' in operator.get(MODELS, headers=PAGE).text

    for _ in range(2):
        answer = operator.post(f"{MODELS}roll-back", data=form, headers=PAGE)

    assert rooms.registry.versions.champion(PROJECT).name == previous
    text = operator.get(answer.headers["Location"], headers=PAGE).text
    assert f"the version before the champion is {champion} now, not {previous}" in text
