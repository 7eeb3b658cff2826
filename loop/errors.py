"""The errors of the loop as one tree: each class stands below its parent, and names the data that it carries."""

from __future__ import annotations

from loop.printable import as_line, list_by_task, shorten


class LoopError(Exception):
    """The root of all errors; its message is one line of limited length, without secrets."""

    def __init__(self, *messages: str) -> None:
        super().__init__(*(as_line(message) for message in messages))


class PayloadError(LoopError):
    """A value from outside cannot be read; *field* names it."""

    def __init__(self, field: str, expected: str, found: object) -> None:
        self.field, self.expected, self.found = field, expected, found
        super().__init__(shorten(f"{field}: expected {expected}, found {shorten(found)}", 2000))


class LabelConfigError(PayloadError):
    """The label config has no labels that can be predicted."""


class TaxonomyError(PayloadError):
    """The taxonomy contradicts itself or cannot be read; *field* names the node and its field, *others* more errors."""

    others: tuple[TaxonomyError, ...] = ()


class Unauthorized(LoopError):
    """A wrong or missing secret."""


class ImageError(LoopError):
    """An image cannot be loaded; *source* is its address in the task, *status* the HTTP status of an answer."""

    def __init__(self, source: str, reason: str, status: int | None = None) -> None:
        self.source, self.reason, self.status = source, reason, status
        super().__init__(f"{shorten(source)}: {reason}" if source else reason)


class ImageForbidden(ImageError):
    """The address may not be read."""


class ImageTooLarge(ImageError):
    """The image has more bytes or pixels than the limits allow."""


class ImageUnreadable(ImageError):
    """The address does not answer, or its answer is not an image."""


class RegistryError(LoopError):
    """A request to the registry cannot be carried out."""


class UnknownVersion(RegistryError):
    """The project has no version of this name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no version {shorten(name)!r}; known: {', '.join(known) or 'none'}")


class VersionExists(RegistryError):
    """A version of this name exists, and versions never change."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} exists, and versions never change: choose another --version")


class UnknownSnapshot(RegistryError):
    """The project has no such snapshot."""

    def __init__(self, project_id: int, wanted: str | None) -> None:
        missing = f"no snapshot that begins with {wanted!r}" if wanted else "no snapshot yet"
        super().__init__(f"project {project_id} has {missing}: `loop models list` names those of its versions")


class UnknownReport(RegistryError):
    """The gate has not judged this version."""


class NotPassed(RegistryError):
    """The gate did not pass a version; *objection* is the reason."""

    def __init__(self, name: str, objection: str) -> None:
        super().__init__(f'{name}: {objection}; `--force --why "…"` lets it serve all the same')


class NoChampion(RegistryError):
    """The project has no champion, or none before it to roll back to."""


class Pinned(RegistryError):
    """The project is pinned to a version."""

    def __init__(self, project: int, name: str) -> None:
        super().__init__(f"project {project} is pinned to {name}: run `loop models unpin --project {project}` first")


class DamagedWeights(RegistryError):
    """A weights file differs from the registered one."""


class MissingWeights(RegistryError):
    """A weights file is not on this machine."""


class WeightsRefused(RegistryError):
    """The weights are not a detector that works here; *kind* describes them, *advice* names the next step."""

    def __init__(self, weights: object, kind: str, advice: str) -> None:
        self.weights, self.kind, self.advice = str(weights), kind, advice
        super().__init__(f"{weights} is {kind}: {advice}")


class ArchiveRefused(RegistryError):
    """An archive of weights is refused; none of it was executed or kept."""


class DetectionFailed(LoopError):
    """The detector raised an error for one image, and works on others."""


class DetectorBroken(LoopError):
    """The detector raises an error for every image: its device is gone, or its memory is full."""


class UnknownProject(LoopError):
    """The project was never connected."""

    def __init__(self, project_id: int) -> None:
        super().__init__(f"project {project_id} is not connected: run `loop connect --project {project_id}`")


class UnknownClass(LoopError):
    """The project has no class of this name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no class {name!r}; known: {', '.join(known) or 'none'}")


class EmptySnapshot(LoopError):
    """Too few tasks are reviewed to train on."""


class UnknownTraining(LoopError):
    """No training has this id."""


class LeakedSplit(LoopError):
    """Training tasks share a group with held-out tasks or are near-duplicates; *pairs* are (held-out, training)."""

    def __init__(self, project_id: int, pairs: list[tuple[int, int]]) -> None:
        self.pairs, named = pairs, list_by_task({train: f"like {held_out}" for held_out, train in pairs}, 20)
        advice = f"see `loop dataset leaks --project {project_id}`, and take them out of training with its --leave-out"
        super().__init__(f"{len(pairs)} training tasks are of a group with, or like, held-out ones: {named}; {advice}")


class PoisonedSnapshot(LoopError):
    """A dataset on disk was changed; *task_ids* are the tasks whose images or labels are damaged."""

    def __init__(self, folder: str, problems: dict[int, str], rest: str = "") -> None:
        self.folder, self.problems, self.task_ids = folder, problems, sorted(problems)
        super().__init__("; ".join(filter(None, (f"dataset {folder} is damaged", list_by_task(problems, 20), rest))))


class StalePlan(LoopError):
    """The matches have changed since the plan was made."""


class NoSuchCluster(LoopError):
    """No cluster, or more than one, has an id with the given beginning."""


class ClusterDecided(LoopError):
    """A person has already decided on the cluster, or a discovery has replaced it."""

    def __init__(self, cluster_id: str, state: str = "is not open any more") -> None:
        super().__init__(f"cluster {cluster_id} {state}; `loop clusters list` shows how it stands")


class TrainingFailed(LoopError):
    """A training ended without weights."""


class TrainingCancelled(LoopError):
    """A training was asked to stop."""


class Busy(LoopError):
    """Too many requests at once; the request can be sent again later."""


class Overloaded(Busy):
    """This process has no room for the request now, neither a turn nor memory."""


class UpstreamError(LoopError):
    """Label Studio, Redis or the database failed; *status* is the HTTP status of an answer, if any."""

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class Refused(UpstreamError):
    """Label Studio answered with an error; *status* is its HTTP status."""


class LegacyTokenRefused(Refused):
    """The key is a legacy token, and Label Studio has disabled legacy tokens."""


class LabelStudioDown(UpstreamError):
    """Label Studio, which has images that are needed, cannot be asked."""


class RecordsDown(UpstreamError):
    """The database of the records failed."""


class MachineUnfit(UpstreamError):
    """This machine lacks files, a key, a service or the code of the installation that it works for."""


class StoreDown(UpstreamError):
    """The store of files (LOOP_STORE) failed."""


class NotStored(UpstreamError):
    """Label Studio did not store some predictions; *reasons* are by task, *stored* counts the stored ones."""

    def __init__(self, project_id: int, reasons: dict[int, str], stored: int) -> None:
        self.reasons, self.stored, total = reasons, stored, stored + len(reasons)
        listed = f"Label Studio stored {stored} of {total} predictions: {list_by_task(reasons, 5, 500)}"
        advice = f"where its label config has changed, run `loop sync --project {project_id}`"
        super().__init__(f"{listed}; {advice}; they are tried again by themselves")


class MilvusDown(UpstreamError):
    """Milvus at *address* failed; *code* is its error code, 0 without an answer."""

    def __init__(self, address: str, reason: str, code: int = 0) -> None:
        self.address, self.reason, self.code = address, reason, code
        super().__init__(f"Milvus at {address} did not answer (is `loop up` running?): {shorten(reason, 300)}")
