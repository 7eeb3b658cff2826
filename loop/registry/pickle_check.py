"""
Checks that a pickled checkpoint only rebuilds tensors and known layers, from its opcodes, without running any. Pure.

A pickle is a program: it imports functions and classes and calls them. A list of allowed imports is not enough, because
calling an allowed class runs its constructor, and ultralytics' DetectionModel evaluates text of its argument. The check
follows the program on a stack of kinds of values: it may make known layers empty and fill them, call a few
functions, and may use a class only to make an object. Only the opcodes that `torch.save` writes are understood; any
other is an objection.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from loop.printable import shorten
from loop.registry.layer_names import LAYERS
from loop.vision.weights_kind import MOST_OPERATIONS

PROTOCOL = 2  # of torch.save; later protocols can name attributes of their imports
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class _ImportedName:
    """An import, as pickletools gives it: module and name with a space between."""

    text: str


MARK, EMPTY, TUPLE, LIST, DICT, OBJECT, VALUE = "mark", "empty tuple", "tuple", "list", "dict", "object", "value"
_ValueKind = str | _ImportedName

CALLED: dict[str, _ValueKind] = {  # the functions that may be called, and the kind of their result
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
KNOWN = frozenset({*CALLED, *PLAIN, *LAYERS})
PUSHES: dict[str, _ValueKind] = {
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
    """The reason why the program is refused."""


def objections(pickled: bytes) -> list[str]:
    """Return the reasons why a pickled checkpoint does more than rebuild a detector; empty for a harmless one."""
    try:
        imports = (str(argument) for name, argument in _operations(pickled) if name in ("GLOBAL", "INST"))
        foreign = list(dict.fromkeys(name for name in imports if name not in KNOWN))
        if foreign:
            named = ", ".join(shorten(name.replace(" ", ".")) for name in foreign[:MOST_NAMED])
            return [f"imports {named}{f' and {len(foreign) - MOST_NAMED} more' if len(foreign) > MOST_NAMED else ''}"]
        _Machine().run(_operations(pickled))
    except _Objection as objection:
        return [shorten(str(objection), 500)]
    except (ValueError, IndexError, KeyError, TypeError):  # pickletools and an empty stack raise these
        return ["is not a whole pickle"]
    return []


def _operations(pickled: bytes) -> Iterator[tuple[str, object]]:
    """Yield the operations one by one: a program of one byte an operation must cost little memory and time."""
    for number, (operation, argument, _) in enumerate(pickletools.genops(pickled)):
        if number == MOST_OPERATIONS:
            raise _Objection(f"has more than {MOST_OPERATIONS} operations")
        yield operation.name, argument


class _Machine:
    """The pickle machine over kinds instead of values."""

    def __init__(self) -> None:
        self._stack: list[_ValueKind] = []
        self._memo: dict[int, _ValueKind] = {}
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
                self._check_value(self._stack.pop())
                return
            self._step(name, argument)
        raise _Objection("has no end")

    def _step(self, name: str, argument: object) -> None:
        if name in PUSHES:
            self._stack.append(PUSHES[name])
        elif name == "GLOBAL":
            self._stack.append(_ImportedName(str(argument)))
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[int(str(argument))] = self._check_memo(self._stack[-1])
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

    def _check_memo(self, kind: _ValueKind) -> _ValueKind:
        if kind == MARK:  # a mark is no value: it could be put back elsewhere to hide what follows
            raise _Objection("is not a whole pickle")
        return kind

    def _check_value(self, kind: _ValueKind) -> None:
        """Refuse a class or function as a value: it could be called later."""
        if isinstance(kind, _ImportedName) and kind.text not in PLAIN:
            raise _Objection(f"keeps {_dotted(kind)} as a value")

    def _take(self, count: int | None) -> None:
        """Take *count* values off the stack; None: all above the mark."""
        while count is None or count > 0:
            kind = self._stack.pop()
            if kind == MARK:
                if count is None:
                    return
                raise _Objection("is not a whole pickle")
            self._check_value(kind)
            count = None if count is None else count - 1

    def _replace(self, count: int | None, kind: _ValueKind) -> None:
        self._take(count)
        self._stack.append(kind)

    def _fill(self, container: str, count: int | None) -> None:
        self._take(count)
        if self._stack[-1] != container:
            raise _Objection(f"adds to {_dotted(self._stack[-1])} as if it were a {container}")

    def _fill_object(self) -> None:
        self._take(1)
        if self._stack[-1] not in (OBJECT, DICT):
            raise _Objection(f"sets attributes of {_dotted(self._stack[-1])}")

    def _call(self) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if not isinstance(function, _ImportedName) or function.text not in CALLED or arguments not in (EMPTY, TUPLE):
            raise _Objection(f"calls {_dotted(function)}")
        self._stack.append(CALLED[function.text])

    def _make(self) -> None:
        arguments, layer = self._stack.pop(), self._stack.pop()
        if not isinstance(layer, _ImportedName) or layer.text not in LAYERS or arguments != EMPTY:
            raise _Objection(f"makes {_dotted(layer)} of {_dotted(arguments)}")
        self._stack.append(OBJECT)


def _dotted(kind: _ValueKind) -> str:
    return kind.text.replace(" ", ".") if isinstance(kind, _ImportedName) else f"a {kind}"
