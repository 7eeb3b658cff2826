"""Inputs for parsers: free ones, and good ones that are damaged at a few places; and how a parser is fed with them."""

import copy
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import hypothesis
from hypothesis import given, note, settings
from hypothesis import strategies as st

from loop.errors import LoopError
from tests.mutants import DICE, UNFORESEEN, mutants

PART = 10_000  # inputs of one run of hypothesis, which remembers all of them
QUIET = settings(
    deadline=timedelta(seconds=20),  # for one input, on a busy machine
    suppress_health_check=list(hypothesis.HealthCheck),
    report_multiple_bugs=False,
    derandomize=True,
)

LEAVES = st.one_of(
    st.sampled_from(UNFORESEEN).map(copy.deepcopy), st.integers(), st.floats(), st.text(max_size=20), st.booleans()
)
FREE_JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
JSON_PIECES = (
    *('"', "\\", ",", ":", "{", "}", "[", "]", "null", "NaN", "-Infinity", "1e999", "-0", "0.1e-400", "9" * 400),
    *("9" * 5000, '"\\ud800"', '"\\u0000"', "\ud800", "\0", "\ufeff", '"id":1,"id":2', "[" * 5000, '{"a":' * 5000),
)


def damaged(samples, pieces):
    """A sample, text or bytes, with one to four changes: pieces put in or over, ranges taken out, turned or doubled."""

    def change(dice):
        content = dice.pick(samples)
        for _ in range(dice.pick((1, 2, 3, 4))):
            start = dice.pick(range(len(content) + 1))
            end = start + dice.pick((0, 1, 1, 2, 4, 8, 40, 4000))
            before, middle, after = content[:start], content[start:end], content[end:]
            act = dice.pick(("over", "over", "over", "piece", "piece", "out", "turned", "doubled", "other"))
            if act in ("over", "piece"):
                middle = dice.pick(pieces)
                after = content[start + len(middle) :] if act == "over" else after
            elif act == "other":
                other = dice.pick(samples)
                middle = other[dice.pick(range(len(other) + 1)) :]
            else:
                middle = {"out": middle[:0], "turned": middle[::-1], "doubled": middle * 2}[act]
            content = before + middle + after
        return content

    return DICE.map(change)


BYTE_PIECES = tuple(
    bytes([value]) * times for value in (0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF, *b"0A<{[") for times in (1, 2, 4, 8)
)


def damaged_bytes(*samples, pieces=()):
    """Bytes: damaged samples, and free ones, some of which begin as a sample does."""
    heads = st.sampled_from((b"", *(sample[:16] for sample in samples)))
    free = st.builds(bytes.__add__, heads, st.binary(max_size=300))
    return st.one_of(damaged(samples, (*BYTE_PIECES, *pieces)), damaged(samples, (*BYTE_PIECES, *pieces)), free)


def damaged_texts(*samples, pieces):
    """Texts: damaged samples, and free ones."""
    return st.one_of(damaged(samples, pieces), damaged(samples, pieces), st.text(max_size=100))


def encoded(texts):
    """The bytes of texts, in the encodings that files have; half surrogate pairs become bytes that are no UTF-8."""
    encodings = st.sampled_from(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-be"))
    return st.builds(lambda text, encoding: text.encode(encoding, "surrogatepass"), texts, encodings)


def passed(texts):
    """Texts as a system passes them in variables: without NUL, each byte that is no UTF-8 as half a surrogate pair."""
    return texts.map(lambda text: os.fsdecode(text.encode("utf-8", "surrogatepass").replace(b"\0", b"")))


def json_like(*goods):
    """JSON: some of it free, most of it good with a few changes."""
    return st.one_of([mutants(good) for good in goods for _ in range(4)] + [FREE_JSON])


def as_json(values):
    """The JSON texts of values."""
    return values.map(json.dumps)


@dataclass(frozen=True)
class Parser:
    """
    A reader of something from outside, and the inputs that it is fed with.

    *read* takes an input, and a folder that it may write to or the app. It may raise the *refusals*, and nothing else.
    *most* is the number of inputs of the long run.
    """

    inputs: st.SearchStrategy
    read: Callable[[Any, Any], object]
    most: int
    refusals: tuple[type[Exception], ...] = (LoopError,)


def feed_few(parser, place, count):
    """
    Feed a parser with the same inputs each time; an error that is no refusal fails, and so does a slow input.

    Some input has to be read to its end: else nothing behind the first check would be tried.
    """
    assert _feed(parser, place, settings(QUIET, max_examples=count))


def feed_many(parser, place):
    """Feed a parser with inputs that are new each time, as many as it is to get in the long run."""
    for done in range(0, parser.most, PART):
        count = min(PART, parser.most - done)
        _feed(parser, place, settings(QUIET, max_examples=count, derandomize=False, database=None))


def _feed(parser, place, plan):
    """Return the number of inputs that were read to their end."""
    count = 0

    @plan
    @given(parser.inputs)
    def read(value):
        nonlocal count
        try:
            parser.read(value, place)
            count += 1
        except parser.refusals:
            pass
        except Exception:
            note(f"the input: {value!r:.5000}")
            raise

    read()
    return count
