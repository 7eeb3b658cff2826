import re

import pytest

from loop.yaml_text import load


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("!!int ''", "a tag before a value of another kind"),
        ("!!float ''", "a tag before a value of another kind"),
        ("!!bool x", "a tag before a value of another kind"),
        ("!!timestamp x", "a tag before a value of another kind"),
        ("2024-13-45", "month must be in 1..12"),
        ("[" * 5000, "something nested too deeply"),
        ("!!int x", "invalid literal for int() with base 10: 'x'"),
        ("!!python/name:os.system", "could not determine a constructor for the tag"),
        ("a: b: c", "mapping values are not allowed here"),
    ],
)
def test_whatever_is_wrong_is_one_error_of_one_line(text, reason):
    with pytest.raises(ValueError, match=re.escape(reason)) as error:
        load(text)

    assert "\n" not in str(error.value)


def test_what_is_right_is_read():
    assert load("names: {0: a}") == {"names": {0: "a"}}
