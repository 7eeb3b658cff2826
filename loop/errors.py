"""Everything that can go wrong, as one tree: each class stands under its parent, and says what it carries."""

from __future__ import annotations

from pathlib import Path

from loop.printable import list_by_task, shorten
from loop.secrecy import redact


class LoopError(Exception):
    """The root: catch it to report any trouble of ours in one line, which never carries a secret."""

    def __init__(self, *messages: str) -> None:
        super().__init__(*(redact(message) for message in messages))


class PayloadError(LoopError):
    """Something was sent that we cannot read; *field* names the part."""

    def __init__(self, field: str, expected: str, found: object) -> None:
        self.field, self.expected, self.found = field, expected, found
        super().__init__(shorten(f"{field}: expected {expected}, found {shorten(found)}", 2000))


class LabelConfigError(PayloadError):
    """The label config has nothing we can predict for."""


class TaxonomyError(PayloadError):
    """The taxonomy contradicts itself or cannot be read; *field* names the node and its field."""


class Unauthorized(LoopError):
    """A wrong or missing secret."""


class ImageError(LoopError):
    """One image cannot be had; *source* is its address as the task gives it, *status* that of an HTTP answer."""

    def __init__(self, source: str, reason: str, status: int | None = None) -> None:
        self.source, self.reason, self.status = source, reason, status
        super().__init__(f"{shorten(source)}: {reason}" if source else reason)


class ImageForbidden(ImageError):
    """The address is not one we may read."""


class ImageTooLarge(ImageError):
    """More bytes or pixels than the limits allow."""


class ImageUnreadable(ImageError):
    """No answer, or an answer that is not an image."""


class RegistryError(LoopError):
    """The registry cannot do what was asked."""


class UnknownVersion(RegistryError):
    """No version of that name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no version {shorten(name)!r}; known: {', '.join(known) or 'none'}")


class VersionExists(RegistryError):
    """There is a version of that name, and versions never change."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} exists, and versions never change: choose another --version")


class UnknownSnapshot(RegistryError):
    """No such snapshot of the project is here."""

    def __init__(self, project_id: int, wanted: str | None) -> None:
        which = f"no snapshot that begins with {wanted!r}" if wanted else "no snapshot yet"
        super().__init__(f"project {project_id} has {which}: `loop models list` names those of its versions")


class UnknownReport(RegistryError):
    """The gate never judged that version."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no report of {name}: the gate never judged it; `loop models compare` measures any two")


class NotPassed(RegistryError):
    """The gate did not pass a version; *objection* says how."""

    def __init__(self, name: str, objection: str) -> None:
        super().__init__(f'{name}: {objection}; `--force --why "…"` lets it serve all the same')


class NoChampion(RegistryError):
    """Nothing has been promoted yet, or there is nothing to go back to."""


class Pinned(RegistryError):
    """The project is to stay on one version."""

    def __init__(self, project_id: int, name: str) -> None:
        self.project_id, self.name = project_id, name
        super().__init__(
            f"project {project_id} is pinned to {name}: run `loop models unpin --project {project_id}` first"
        )


class DamagedWeights(RegistryError):
    """A weights file is missing or is not what was registered."""

    def __init__(self, name: str, path: Path, expected: str, found: str) -> None:
        super().__init__(f"{name}: {path} is damaged: expected SHA-256 {expected}, found {found}")


class WeightsRefused(RegistryError):
    """*Weights* are no detector that works here: *kind* says what they are, *advice* what would do."""

    def __init__(self, weights: object, kind: str, advice: str) -> None:
        self.kind, self.advice = kind, advice
        super().__init__(f"{weights} is {kind}: {advice}")


class ArchiveRefused(RegistryError):
    """An archive of weights is not let in; nothing of it was run and nothing is left of it."""


class DetectionFailed(LoopError):
    """The detector raised an error on one image, and goes on with others."""


class DetectorBroken(LoopError):
    """The detector raises an error on any image: its device is gone, or its memory."""


class UnknownProject(LoopError):
    """The project was never connected."""

    def __init__(self, project_id: int) -> None:
        self.project_id = project_id
        super().__init__(f"project {project_id} is not connected: run `loop connect --project {project_id}`")


class UnknownClass(LoopError):
    """No class of that name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no class {name!r}; known: {', '.join(known) or 'none'}")


class EmptySnapshot(LoopError):
    """Too little has been reviewed to train on."""


class UnknownTraining(LoopError):
    """No training of that id."""

    def __init__(self, training_id: int) -> None:
        super().__init__(f"no training {training_id}; `loop training list --project ID` shows those there are")


class LeakedSplit(LoopError):
    """Training tasks of one group with, or near-duplicates of, held-out ones; *pairs* are (held-out, training)."""

    def __init__(self, project_id: int, pairs: list[tuple[int, int]]) -> None:
        self.project_id, self.pairs = project_id, pairs
        named = ", ".join(f"{train} (like {held_out})" for held_out, train in pairs[:20])
        more = f" and {len(pairs) - 20} more" * (len(pairs) > 20)
        super().__init__(
            f"{len(pairs)} training tasks are of one group with held-out ones, or near-duplicates: {named}{more}; "
            f"see `loop dataset leaks --project {project_id}`, and take them out of training with its --leave-out"
        )


class PoisonedSnapshot(LoopError):
    """A dataset on disk is not what was written; *task_ids* are the tasks whose images or labels are damaged."""

    def __init__(self, folder: str, problems: dict[int, str], rest: str = "") -> None:
        self.folder, self.problems, self.task_ids = folder, problems, sorted(problems)
        named = "; ".join(text for text in (list_by_task(problems, 20), rest) if text)
        super().__init__(f"the dataset {folder} is damaged: {named}")


class StalePlan(LoopError):
    """The matches are no longer those that the plan was made for."""


class UnknownClusterId(LoopError):
    """No cluster whose id begins so, or several."""

    def __init__(self, wanted: str, known: list[str], *, is_ambiguous: bool = False) -> None:
        which = f"{len(known)} clusters begin with {wanted!r}" if is_ambiguous else f"no cluster {wanted!r}"
        super().__init__(f"{which}; {'they are' if is_ambiguous else 'open'}: {', '.join(known[:20]) or 'none'}")


class ClusterDecided(LoopError):
    """A person has decided on a cluster already, or a discovery has replaced it."""

    def __init__(self, cluster_id: str, what: str = "is not open any more") -> None:
        super().__init__(f"cluster {cluster_id} {what}; `loop clusters list` shows how it stands")


class TrainingFailed(LoopError):
    """A training ended without weights."""


class TrainingCancelled(LoopError):
    """Somebody asked a training to stop."""


class Busy(LoopError):
    """Too much is asked at once; the same later will do."""


class UpstreamError(LoopError):
    """Label Studio or Redis did not answer as it should; *status* is that of its answer, if there was one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class Refused(UpstreamError):
    """Label Studio answered with an error; *status* is its HTTP status."""


class LegacyTokenRefused(Refused):
    """The key is a legacy token, and Label Studio has them disabled."""


class RecordsDown(UpstreamError):
    """The database of the records did not do what was asked."""


class NotStored(UpstreamError):
    """Label Studio did not store some predictions; *reasons* are by task, *stored* is how many others it stored."""

    def __init__(self, project_id: int, reasons: dict[int, str], stored: int) -> None:
        self.reasons, self.stored, total = reasons, stored, stored + len(reasons)
        super().__init__(
            f"Label Studio stored {stored} of {total} predictions: {list_by_task(reasons, 5, 500)}; where its label "
            f"config has changed, run `loop sync --project {project_id}`; they are tried again by themselves"
        )


class MilvusDown(UpstreamError):
    """Milvus did not answer as it should; *address* is where it was asked, *code* its own, 0 without an answer."""

    def __init__(self, address: str, reason: str, code: int = 0) -> None:
        self.address, self.reason, self.code = address, reason, code
        super().__init__(f"Milvus at {address} did not answer (is `loop up` running?): {shorten(reason, 300)}")
