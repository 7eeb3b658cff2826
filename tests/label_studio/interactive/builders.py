"""What Label Studio's editor sends for its click tools."""

SMART = """
<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image" smart="true">
    <Label value="Car"/>
    <Label value="Person"/>
  </RectangleLabels>
  <KeyPointLabels name="point" toName="image" smart="true">
    <Label value="Car"/>
    <Label value="Person"/>
  </KeyPointLabels>
</View>
"""


def drawn(kind, value, control="label", **fields):
    size = {"original_width": 640, "original_height": 480, "image_rotation": 0}
    return {
        **size,
        "value": value,
        "id": "nZPYyXqhLG",
        "from_name": control,
        "to_name": "image",
        "type": kind,
        "origin": "manual",
        **fields,
    }


def rectangle(x, y, width, height, *labels, **fields):
    place = {"x": x, "y": y, "width": width, "height": height, "rotation": 0}
    return drawn("rectanglelabels", {**place, "rectanglelabels": list(labels)}, **fields)


def point(x, y, *labels, is_positive=True, **fields):
    value = {"x": x, "y": y, "width": 0.5, "keypointlabels": list(labels), "labels": list(labels)}
    return drawn("keypointlabels", value, "point", is_positive=is_positive, **fields)


def call(*results, task=1, project="1.1795399212", config=SMART):
    """The request that an interactive call of the editor becomes."""
    tasks = [{"id": task, "data": {"image": "/data/upload/1/a.jpg"}, "annotations": [], "drafts": []}]
    context = {"result": list(results), "project_credentials_login": None, "project_credentials_password": None}
    params = {"login": None, "password": None, "context": context}
    return {"tasks": tasks, "project": project, "label_config": config, "params": params}
