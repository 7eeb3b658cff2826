"""The objects of this room, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from loop.errors import LabelConfigError
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.room import StudioRoom
from loop.notices import Outbox
from loop.registry.room import RegistryRoom
from loop.reviews.accepted.store import AcceptedStore
from loop.reviews.event_file import connect_events
from loop.reviews.event_store import EventStore
from loop.reviews.label_uses import LabelUses
from loop.reviews.operation_store import OperationStore
from loop.reviews.refusal_store import RefusalStore
from loop.reviews.review_facts import ReviewFacts
from loop.reviews.review_store import ReviewStore
from loop.reviews.set_aside import SetAsideStore
from loop.reviews.verdict_store import VerdictStore
from loop.serving.store import PredictionLog
from loop.vision.room import VisionRoom


@dataclass(frozen=True, slots=True)
class ReviewsRoom:
    """Events, reviews and verdicts."""

    studio: StudioRoom
    outbox: Outbox
    vision: VisionRoom
    registry: RegistryRoom
    predictions: PredictionLog
    events: EventStore
    set_aside: SetAsideStore
    store: ReviewStore
    verdicts: VerdictStore
    operations: OperationStore
    refusals: RefusalStore
    label_uses: LabelUses
    facts: ReviewFacts
    accepted: AcceptedStore

    def reading_config(self, project_id: int) -> LabelConfig:
        """
        Return the label config that a project's reviews are read by: its own, with classes that it has lost.

        If today's code refuses a label config that an older version accepted, all reviews are recorded as unread.
        """
        labels = self.studio.classes.book(project_id).labels(())
        try:
            return self.studio.projects.get(project_id).config().with_classes(labels.ids)
        except LabelConfigError as error:
            return LabelConfig("", "", "", (), fault=str(error))


def open_stores(engine: Engine, spool: Path) -> dict[str, Any]:
    """Return the stores of this room, by its fields; events that the records do not take wait in *spool*."""
    apart = connect_events(engine)
    return {
        "events": EventStore(apart, spool),
        "set_aside": SetAsideStore(engine),
        "store": ReviewStore(engine),
        "verdicts": VerdictStore(engine),
        "operations": OperationStore(engine),
        "refusals": RefusalStore(engine, apart),
        "label_uses": LabelUses(engine),
        "facts": ReviewFacts(engine),
        "accepted": AcceptedStore(engine),
    }
