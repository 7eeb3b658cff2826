"""Label configs with odd names and with every control, and results of every shape."""

from xml.sax.saxutils import quoteattr

from tests.builders import ls_region

PLACE = {"original_width": 640, "original_height": 480, "image_rotation": 0, "to_name": "image", "origin": "manual"}

SHAPES = """
<View>
  <Image name="image" value="$image"/>
  <Image name="ir" value="$ir"/>
  <RectangleLabels name="label" toName="image,ir">
    <Label value="Car" alias="auto"/>
    <Label value="Person"/>
  </RectangleLabels>
  <PolygonLabels name="poly" toName="image"><Label value="Car"/><Label value="Road"/></PolygonLabels>
  <EllipseLabels name="round" toName="image"><Label value="Person"/></EllipseLabels>
  <BrushLabels name="brush" toName="image"><Label value="Car"/><Label value="Road"/></BrushLabels>
  <KeyPointLabels name="point" toName="image"><Label value="Person"/></KeyPointLabels>
  <Rectangle name="rect" toName="image"/>
  <Labels name="tag" toName="image"><Label value="Car"/><Label value="Shadow"/></Labels>
  <Choices name="weather" toName="image" perRegion="true"><Choice value="Car"/></Choices>
</View>
"""


def result(kind, value, control, name="p", **fields):
    return {"id": name, "type": kind, "from_name": control, "value": value, **PLACE, **fields}


def rectangle(label="Car", x=10.0, y=10.0, width=30.0, height=30.0, control="label", name="p", **fields):
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": [label]}
    return result("rectanglelabels", value, control, name, **fields)


def polygon(label="Car", points=((10, 10), (40, 10), (40, 50)), **fields):
    value = {"points": [list(point) for point in points], "closed": True, "polygonlabels": [label]}
    return result("polygonlabels", value, "poly", **fields)


def ellipse(label="Person", rotation=0, **fields):
    value = {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "rotation": rotation, "ellipselabels": [label]}
    return result("ellipselabels", value, "round", **fields)


def brush(label="Car", **fields):
    value = {"format": "rle", "rle": [0, 0, 0, 1], "brushlabels": [label]}
    return result("brushlabels", value, "brush", **fields)


def point(label="Person", **fields):
    return result("keypointlabels", {"x": 5, "y": 5, "width": 0.5, "keypointlabels": [label]}, "point", **fields)


def bare(name="p", x=10.0, **fields):
    return result("rectangle", {"x": x, "y": 10, "width": 30, "height": 30, "rotation": 0}, "rect", name, **fields)


def tag(label="Car", name="p", x=10.0, **fields):
    value = {"x": x, "y": 10, "width": 30, "height": 30, "rotation": 0, "labels": [label]}
    return result("labels", value, "tag", name, **fields)


def choice(label="Car", **fields):
    value = {"x": 10, "y": 10, "width": 30, "height": 30, "rotation": 0, "choices": [label]}
    return result("choices", value, "weather", **fields)


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


def boxes(*names):
    """Boxes by name; one named plane has the label Plane, which the label config may lack."""
    labels = {"plane": "Plane"}
    return [ls_region(name, labels.get(name, "Car"), x=10.0 * at) for at, name in enumerate(names)]
