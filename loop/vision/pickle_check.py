"""
Whether a pickled checkpoint only rebuilds tensors and known layers, read from its opcodes without running one. Pure.

A pickle is a program: it imports what it names and calls it. A list of allowed imports is not enough, because calling
an allowed class is running its constructor, and that of ultralytics' DetectionModel evaluates text of its argument. So
the program is followed on a stack of kinds: layers may be made empty and filled, a few functions may be called, and a
class may be nothing but what is made. Only what `torch.save` writes is understood; all else is an objection.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from loop.vision.layer_names import LAYERS

PROTOCOL = 2  # what torch.save writes; later ones can name attributes of what they import
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Name:
    """An import, as pickletools gives it: module and name with a space between."""

    text: str


MARK, EMPTY, TUPLE, LIST, DICT, OBJECT, VALUE = "mark", "empty tuple", "tuple", "list", "dict", "object", "value"
Kind = str | _Name

CALLED: dict[str, Kind] = {  # what may be called, and what kind of thing that gives
    "torch._utils _rebuild_tensor": VALUE,
    "torch._utils _rebuild_tensor_v2": VALUE,
    "torch._utils _rebuild_parameter": VALUE,
    "torch Size": VALUE,
    "torch device": VALUE,
    "collections OrderedDict": DICT,
    "__builtin__ set": VALUE,
    "builtins set": VALUE,
    "_codecs encode": VALUE,
    "numpy dtype": OBJECT,
    "numpy.core.multiarray scalar": VALUE,
    "numpy._core.multiarray scalar": VALUE,
    "pathlib PosixPath": VALUE,
    "pathlib WindowsPath": VALUE,
    "ultralytics.utils IterableSimpleNamespace": OBJECT,
    "ultralytics.yolo.utils IterableSimpleNamespace": OBJECT,
}
STORED = ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
TYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
PLAIN = {f"torch {name}Storage" for name in STORED} | {f"torch {name}" for name in TYPES}  # may be values
PUSHES: dict[str, Kind] = {
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "NONE", "NEWTRUE", "NEWFALSE"), VALUE),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINSTRING"), VALUE),
    "EMPTY_TUPLE": EMPTY,
    "EMPTY_LIST": LIST,
    "EMPTY_DICT": DICT,
    "MARK": MARK,
}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
FILLS = {"APPEND": (LIST, 1), "APPENDS": (LIST, None), "SETITEM": (DICT, 2), "SETITEMS": (DICT, None)}


class _Objection(Exception):
    """What is wrong with the program."""


def imports(pickled: bytes) -> list[str]:
    """What a pickle imports, each `module name`, in its order; as far as it can be read."""
    names: dict[str, None] = {}
    with suppress(ValueError, IndexError, KeyError, TypeError):  # what pickletools raises
        for operation, argument, _ in pickletools.genops(pickled):
            if operation.name in ("GLOBAL", "INST"):
                names[str(argument)] = None
    return list(names)


def objections(pickled: bytes) -> list[str]:
    """Say what a pickled checkpoint does that rebuilding a detector does not need; nothing where it is harmless."""
    try:
        operations = [(operation.name, argument) for operation, argument, _ in pickletools.genops(pickled)]
        names = dict.fromkeys(str(argument) for name, argument in operations if name in ("GLOBAL", "INST"))
        foreign = [name for name in names if name not in CALLED and name not in PLAIN | LAYERS]
        if foreign:
            more = f" and {len(foreign) - MOST_NAMED} more" if len(foreign) > MOST_NAMED else ""
            return [f"imports {', '.join(name.replace(' ', '.') for name in foreign[:MOST_NAMED])}{more}"]
        _Machine().run(iter(operations))
    except _Objection as objection:
        return [str(objection)]
    except (ValueError, IndexError, KeyError, TypeError):  # what pickletools and an empty stack raise
        return ["is not a whole pickle"]
    return []


class _Machine:
    """The pickle machine over kinds instead of values."""

    def __init__(self) -> None:
        self._stack: list[Kind] = []
        self._memo: dict[int, Kind] = {}
        self._does: dict[str, Callable[[], None]] = {
            "REDUCE": self._call,
            "NEWOBJ": self._make,
            "BUILD": self._fill_object,
            "BINPERSID": lambda: self._replace(1, VALUE),
            "TUPLE": lambda: self._replace(None, TUPLE),
        }

    def run(self, operations: Iterator[tuple[str, object]]) -> None:
        for name, argument in operations:
            if name == "STOP":
                self._data(self._stack.pop())
                return
            self._step(name, argument)
        raise _Objection("has no end")

    def _step(self, name: str, argument: object) -> None:
        if name in PUSHES:
            self._stack.append(PUSHES[name])
        elif name == "GLOBAL":
            self._stack.append(_Name(str(argument)))
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[int(str(argument))] = self._kept(self._stack[-1])
        elif name in ("BINGET", "LONG_BINGET"):
            self._stack.append(self._memo[int(str(argument))])
        elif name in TUPLES:
            self._replace(TUPLES[name], TUPLE)
        elif name in FILLS:
            self._fill(*FILLS[name])
        elif name in self._does:
            self._does[name]()
        elif name != "PROTO" or argument != PROTOCOL:
            raise _Objection(
                f"uses {name}{'' if argument is None else f' {argument}'}, which torch.save does not write"
            )

    def _kept(self, kind: Kind) -> Kind:
        if kind == MARK:  # a mark is no value: it could be put back elsewhere to hide what follows
            raise _Objection("is not a whole pickle")
        return kind

    def _data(self, kind: Kind) -> None:
        """A class or function among the data could be called later."""
        if isinstance(kind, _Name) and kind.text not in PLAIN:
            raise _Objection(f"keeps {_dotted(kind)} as a value")

    def _take(self, count: int | None) -> None:
        """Take values off the stack; None: all above the mark."""
        while count is None or count > 0:
            kind = self._stack.pop()
            if kind == MARK:
                if count is None:
                    return
                raise _Objection("is not a whole pickle")
            self._data(kind)
            count = None if count is None else count - 1

    def _replace(self, count: int | None, kind: Kind) -> None:
        self._take(count)
        self._stack.append(kind)

    def _fill(self, wanted: str, count: int | None) -> None:
        self._take(count)
        if self._stack[-1] != wanted:
            raise _Objection(f"adds to {_dotted(self._stack[-1])} as if it were a {wanted}")

    def _fill_object(self) -> None:
        self._take(1)
        if self._stack[-1] not in (OBJECT, DICT):
            raise _Objection(f"sets attributes of {_dotted(self._stack[-1])}")

    def _call(self) -> None:
        arguments, called = self._stack.pop(), self._stack.pop()
        if not isinstance(called, _Name) or called.text not in CALLED or arguments not in (EMPTY, TUPLE):
            raise _Objection(f"calls {_dotted(called)}")
        self._stack.append(CALLED[called.text])

    def _make(self) -> None:
        arguments, made = self._stack.pop(), self._stack.pop()
        if not isinstance(made, _Name) or made.text not in LAYERS or arguments != EMPTY:
            raise _Objection(f"makes {_dotted(made)} of {_dotted(arguments)}")
        self._stack.append(OBJECT)


def _dotted(kind: Kind) -> str:
    return kind.text.replace(" ", ".") if isinstance(kind, _Name) else f"a {kind}"
