"""Results of every kind of control that Label Studio has for images, as its editor writes them."""

PLACE = {"original_width": 640, "original_height": 480, "image_rotation": 0, "to_name": "image", "origin": "manual"}

CONFIG = """
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
