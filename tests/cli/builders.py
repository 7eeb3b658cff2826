"""Every command of `loop`, with arguments that nobody should give."""

from datetime import datetime
from pathlib import Path

from loop.cli.tree import load_all

TEXTS = {
    bool: [""],
    int: ["0", str(2**63), "one"],
    float: ["nan", "1e400"],
    datetime: ["yesterday", "9999-12-31", "0001-01-01"],
    str: ["", "../\x00\x1b[31m[red]{0}%s 🚗\u202e" + "x" * 5000, "\udcff"],
}
GOOD = {"label_config": "good.xml", "to": "new", "images": "", "file": "good.yaml"}
SERVERS = {"up", "worker", "schedule"}  # they run until they are stopped


def commands(group=None, path=()):
    """Every command with its path, such as ("models", "list")."""
    for name, command in (group or load_all()).commands.items():
        if not hasattr(command, "commands"):
            yield (*path, name), command
            continue
        yield from commands(command, (*path, name))
        if command.invoke_without_command:
            yield (*path, name), command


def calls(command, paths):
    """Lines of arguments: what a command needs, and one parameter hostile at a time."""
    for hostile in (one for one in command.params if "--follow" not in one.opts):  # it goes on until it is stopped
        kind = hostile.type_descriptor.annotation if hasattr(hostile, "type_descriptor") else bool
        for text in (str(path) for path in paths) if kind is Path else TEXTS.get(kind, TEXTS[str]):
            values = {one.name: _good(one, paths) for one in command.params if one.required or one.name == "project"}
            if kind is Path and not hostile.required:
                values.pop("project", None)  # `loop verdicts` takes an export or a project
            yield [word for one in command.params for word in _words(one, {**values, hostile.name: text})]


def _good(parameter, paths):
    folder = paths[1]
    if parameter.type_descriptor.annotation is not Path:
        return "1"
    return str(folder / GOOD.get(parameter.name, "export.json"))


def _words(parameter, values):
    if parameter.name not in values:
        return []
    if parameter.param_type_name == "argument":
        return [values[parameter.name]]
    return [parameter.opts[0], *([] if parameter.is_flag else [values[parameter.name]])]


def files(folder: Path):
    """Paths that are no file to read, and files of what nobody asked for."""
    contents = {
        "empty": b"",
        "binary": bytes(range(256)) * 8,
        "utf16.json": '[{"id": 1}]'.encode("utf-16"),
        "latin1.xml": "<View>é</View>".encode("latin-1"),
        "nested.json": b"[" * 100_000,
        "nested.yaml": b"{a: " * 5_000,
        "tabs.yaml": b"nodes:\n\t- id: a\n",
        "escape.yaml": b'nodes: [{id: "\\x1b\\ud800"}]\n',
        "bomb.yaml": b"nodes: &a [*a]\n",
        "page.html": b"<!doctype html><html></html>",
        "list.csv": b"image,id,label\na.jpg,1,car\n",
        "export.zip": b"PK\x03\x04" + bytes(40),
        "number.json": b"12",
        "object.json": b'{"images": [], "annotations": [], "categories": []}',
        "good.yaml": b"nodes: [{id: a}]",
        "twice.yaml": b"nodes: []\nnodes: [{id: a}]\n",
        "date.yaml": b"nodes: 2001-99-99\n",
        "export.json": b'[{"id": 1, "data": {"image": "a.jpg"}, "annotations": []}]',
        "good.xml": b'<View><Image name="image" value="$image"/><RectangleLabels name="l" toName="image">'
        b'<Label value="Car"/></RectangleLabels></View>',
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    loop = folder / "loop"
    loop.symlink_to(loop)
    return [folder / "missing", folder, loop, *(folder / name for name in contents)]
