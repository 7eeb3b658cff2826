"""Operations in bulk."""

from loop.reviews.bulk.run import annotate

CAR = {"label": "Car", "box": [0.1, 0.1, 0.4, 0.4]}


def create(task=1, key=None, **fields):
    return {"operation": "create", "task": task, "regions": [CAR], **({"key": key} if key else {}), **fields}


def update(annotation, key, *regions, **fields):
    return {"operation": "update", "annotation": annotation, "regions": list(regions), "key": key, **fields}


def delete(annotation, key):
    return {"operation": "delete", "annotation": annotation, "key": key}


def do(rooms, *operations, project=1):
    asked = ((f"operations[{at}]", one) for at, one in enumerate(operations))
    return list(annotate(rooms.reviews, project, asked, lambda at, _: f"position-{at}"))
