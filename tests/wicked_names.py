"""Names of labels that Label Studio takes and that files, formats and programs stumble over."""

from xml.sax.saxutils import quoteattr

NAMES = {
    "emoji": "🐕 dog",
    "emoji-of-several": "👩‍🚒🏽",
    "double-quotes": 'a "quoted" name',
    "single-quotes": "it's",
    "slashes": "a/b/../c",
    "backslashes": "C:\\new\\table",
    "colon": "key: value",
    "hash": "a # b",
    "yes": "yes",
    "no": "NO",
    "true": "True",
    "null": "null",
    "none": "None",
    "tilde": "~",
    "digits": "0001",
    "octal": "0o17",
    "sexagesimal": "12:30:45",
    "exponent": "1e5",
    "infinity": ".inf",
    "date": "2024-01-01",
    "empty-list": "[]",
    "mapping": "{a: 1}",
    "anchor": "&anchor",
    "alias": "*alias",
    "tag": "!!int 3",
    "directive": "%YAML 1.1",
    "document": "---",
    "block": "|",
    "spaces-around": "  spaces  ",
    "tab": "a\tb",
    "newline": "two\nlines",
    "carriage-return": "a\rb",
    "line-separator": "a\u2028b\x85c",
    "case": "Car",
    "case-twin": "car",
    "long": "long " * 40,
    "very-long": "x" * 2000,
    "right-to-left": "\u200fكلب\u200f",
    "composed": "caf\u00e9",
    "decomposed": "cafe\u0301",
    "zero-width": "a\u200bb",
    "byte-order-mark": "\ufeffbom",
    "control": "\x7f\x80\x9f",
    "private-use": "\ue000",
    "astral": "𝒳",
    "last-character": "\U0010ffff",
    "imagenet-code": "n01440764",
    "comma": "a, b",
    "markup": "<b>bold</b> & [red]rich[/red]",
    "percent": "100% {name} $HOME",
}


def config_of(names):
    """A label config with these labels."""
    labels = "".join(f"<Label value={attribute(name)}/>" for name in names)
    return (
        '<View><Image name="image" value="$image"/>'
        f'<RectangleLabels name="label" toName="image">{labels}</RectangleLabels></View>'
    )


def attribute(name):
    """A name as the value of an XML attribute."""
    return quoteattr(name, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;", "\x85": "&#133;", "\u2028": "&#8232;"})
