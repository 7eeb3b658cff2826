"""The last lines of the demo."""

from argparse import Namespace

import pytest

from scripts.demo.__main__ import describe_end

LINE = "Label Studio: http://a:1/projects/7/data   user u"


@pytest.mark.parametrize(
    ("options", "end"),
    [
        ({"keep": False, "url": None}, "stopped; `make demo KEEP=1` keeps both, to look at what the annotator saw"),
        ({"keep": True, "url": None}, f"{LINE}\nIt keeps running until Ctrl-C."),
        ({"keep": False, "url": "http://a:1"}, LINE),
    ],
    ids=["stopped", "kept", "somebody-else's"],
)
def test_an_address_is_told_only_where_it_answers(options, end):
    told = describe_end(Namespace(**options), "http://a:1", 7, "user u")

    assert told.endswith(end)
    assert ("http://a:1" in told) is (options["keep"] or options["url"] is not None)
