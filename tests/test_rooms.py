import ast
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
OUTSIDE = (
    *("flask", "httpx", "label_studio_sdk", "open_clip", "pymilvus", "redis", "rich", "rq", "sqlalchemy", "torch"),
    *("torchvision", "typer", "ultralytics"),
)


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("backend", "loop", include_external_packages=True)


def first_sentence(module):
    file = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n")[0] if file.exists() else ""


def test_a_module_that_says_it_is_pure_reaches_nothing_outside(graph):
    pure = [module for module in graph.modules if first_sentence(module).endswith("Pure.")]

    reached = {
        (module, library): graph.find_shortest_chain(module, library)
        for module in pure
        for library in OUTSIDE
        if library in graph.modules
    }

    assert len(pure) > 50
    assert {key: chain for key, chain in reached.items() if chain} == {}


def test_every_room_says_in_a_sentence_what_it_is():
    rooms = [path for path in (ROOT / "loop").rglob("__init__.py") if "migrations" not in path.parts]

    sentences = [ast.get_docstring(ast.parse(room.read_text())) for room in rooms]

    assert len(rooms) > 15
    assert all(sentence and sentence.endswith(".") and len(sentence) > 20 for sentence in sentences)
