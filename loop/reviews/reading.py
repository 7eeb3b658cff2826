"""The label config that a project's reviews are read by."""

from __future__ import annotations

from loop.errors import LabelConfigError
from loop.label_studio.label_config import LabelConfig
from loop.reviews.room import ReviewsRoom


def reading_config(reviews: ReviewsRoom, project_id: int) -> LabelConfig:
    """
    The label config of a project, with the labels of classes that the config itself lost.

    By a config that an older version of ours took and this one refuses, every review is recorded as unread.
    """
    labels = reviews.studio.classes.book(project_id).labels(())
    try:
        return reviews.studio.projects.get(project_id).config().with_classes(labels.ids)
    except LabelConfigError as error:
        return LabelConfig("", "", "", (), fault=str(error))
