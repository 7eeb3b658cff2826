"""A project with hostile names, as records hold it after some work."""

from loop.reviews.judging import judge_tasks
from tests.builders import box, region, review, served

HOSTILE = "</script><img src=x onerror=alert(1)>{{7*7}}<b>&amp;'\"\u202e"
CONFIG = f"""
<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image">
    <Label value="Car"/>
    <Label value="{HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")}"/>
  </RectangleLabels>
</View>
"""
PROJECT = 5
PAGE = {"Accept": "text/html"}


def fill(rooms):
    """Fill project 5: predictions and reviews of 12 tasks with verdicts."""
    rooms.studio.projects.save(PROJECT, f"Räder {HOSTILE}", CONFIG)
    for task in range(1, 13):
        shown = (region(f"p{task}", score=0.9), region(f"q{task}", HOSTILE, box(0.5, 0.5, 0.9, 0.9), score=0.4))
        image = f"/data/upload/5/{HOSTILE}-{task}.jpg"
        rooms.serving.predictions.append([served(*shown, task=task, project=PROJECT, image=image)])
        kept = region(f"p{task}") if task % 3 else region(f"p{task}", at=box(0.12, 0.1, 0.45, 0.4))
        made = review(kept, annotation=task, task=task, project=PROJECT, minutes=task)
        rooms.reviews.store.record(made, {"image": image})
        judge_tasks(rooms.reviews, PROJECT, [task])
