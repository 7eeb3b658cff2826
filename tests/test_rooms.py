import ast
import re
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


def named_modules(room):
    """The modules that a room's `__init__.py` says other rooms use."""
    text = ast.get_docstring(ast.parse((ROOT / "loop" / room / "__init__.py").read_text())) or ""
    listed = re.search(r"Other rooms use: ([\w, \n]+)\.", text)
    return re.split(r",\s+", listed[1]) if listed else []


def modules_used_elsewhere(graph, room):
    prefix = f"loop.{room}"
    modules = [module for module in graph.modules if module.startswith(f"{prefix}.")]
    return sorted(
        {
            module.removeprefix(f"{prefix}.").split(".")[0]
            for module in modules
            if any(not importer.startswith(prefix) for importer in graph.find_modules_that_directly_import(module))
        }
    )


@pytest.mark.parametrize("room", sorted(path.parent.name for path in (ROOT / "loop").glob("*/__init__.py")))
def test_a_room_names_the_modules_that_others_use(graph, room):
    assert named_modules(room) == modules_used_elsewhere(graph, room)


FOLDERS = ("backend", "loop", "scripts", "tests")
SOURCES = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.parent.name not in ("old_home", "versions")  # run on an old commit, and migrations
]
LONGEST_FILE, LONGEST_FUNCTION, LARGEST_ROOM = 250, 40, 19  # lines, lines, files


def test_no_file_and_no_function_is_long():
    long = []
    for path in SOURCES:
        text, name = path.read_text(), str(path.relative_to(ROOT))
        if len(text.splitlines()) > LONGEST_FILE:
            long.append(f"{name}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long.append(f"{name}: {node.name} has {lines} lines")

    assert long == []


def test_no_room_holds_many_files():
    counts = {
        room.parent.name: len(list(room.parent.glob("*.py"))) - 1 for room in (ROOT / "loop").glob("*/__init__.py")
    }

    assert {room: count for room, count in counts.items() if count > LARGEST_ROOM} == {}


def test_a_class_name_stands_once():
    names: dict[str, list[str]] = {}
    for path in SOURCES:
        if path.is_relative_to(ROOT / "loop") or path.is_relative_to(ROOT / "backend"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    names.setdefault(node.name, []).append(str(path.relative_to(ROOT)))

    assert {name: paths for name, paths in names.items() if len(paths) > 1} == {}
