"""Write reviews that come in bulk into Label Studio: each stands alone, none is done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from loop.errors import LoopError, Refused, UpstreamError
from loop.failures import Fault, attempt
from loop.label_studio.projects import Project
from loop.reviews.bulk.operations import Create, Operation, Update, digest, read_operation
from loop.reviews.bulk.plan import Plan, Planner
from loop.reviews.operation_store import OperationState, StoredOperation
from loop.reviews.room import ReviewsRoom

CHUNK = 100  # operations whose tasks are asked for together

Asked = tuple[str, object]  # where it stands in what was sent, and its JSON
KeyOf = Callable[[int, Operation], str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one operation; *id* is its annotation, *error* None where it succeeded, now or before."""

    operation: str | None
    key: str | None
    id: int | None = None
    error: str | None = None
    is_repeated: bool = False  # it was done before


def annotate(reviews: ReviewsRoom, project_id: int, asked: Iterable[Asked], key_of: KeyOf) -> Iterator[Outcome]:
    """
    Do each operation, and yield what became of each in order; *key_of* gives the key of one that brings none.

    Where Label Studio stops answering, the rest are failures, and none of them is tried. Raises UnknownProject.
    """
    return _all(_Writer(reviews, reviews.studio.projects.get(project_id), key_of), iter(asked))


def _all(writer: _Writer, asked: Iterator[Asked]) -> Iterator[Outcome]:
    position = 0
    while chunk := list(islice(asked, CHUNK)):
        read = [attempt(partial(writer.read, one, position + at)) for at, one in enumerate(chunk)]
        writer.look_up([one for one in read if not isinstance(one, Fault)])
        for (where, json), one in zip(chunk, read, strict=True):
            if isinstance(one, Fault):
                yield _failed(one, where, _named(json), None)
            else:
                done = attempt(partial(writer.do, one, where))
                operation = one.operation.operation
                yield _failed(done, where, operation, one.key) if isinstance(done, Fault) else done
        position += len(chunk)


def _failed(fault: Fault, where: str, operation: str | None, key: str | None) -> Outcome:
    if not isinstance(fault.cause, LoopError):
        fault.log(where)
    return Outcome(operation, key, error=fault.error)


def _named(json: object) -> str | None:
    name = json.get("operation") if isinstance(json, dict) else None
    return name if isinstance(name, str) else None


@dataclass(frozen=True, slots=True)
class _Keyed:
    """An operation that can be read, with the key that makes a second try safe, and what tells it from others."""

    operation: Operation
    key: str
    digest: str


class _Writer:
    """One run over many operations of a project."""

    def __init__(self, reviews: ReviewsRoom, project: Project, key_of: KeyOf) -> None:
        self._log, self._project, self._config = reviews.operations, project, project.config()
        self._key_of = key_of
        self._planner = Planner(reviews, project)
        self._known: dict[str, StoredOperation] = {}
        self._down: str | None = None  # why Label Studio is not asked any more

    def read(self, asked: Asked, position: int) -> _Keyed:
        """Read an operation. Raises PayloadError."""
        where, json = asked
        operation = read_operation(json, self._config, where)
        return _Keyed(operation, operation.key or self._key_of(position, operation), digest(operation))

    def look_up(self, read: Sequence[_Keyed]) -> None:
        """Get what is known of operations, and the tasks of those that are still to be done."""
        self._known = self._log.find(self._project.id, [one.key for one in read])
        is_open = [one.key not in self._known or self._known[one.key].state != OperationState.DONE for one in read]
        operations = [one.operation for one, is_one in zip(read, is_open, strict=True) if is_one]
        tasks = [one.task for one in operations if isinstance(one, Create | Update) and one.task]
        if self._down is None:
            try:
                attempt(lambda: self._planner.look_up(tasks))  # refused for one of them, each is looked up by itself
            except UpstreamError as error:
                self._down = str(error)

    def do(self, asked: _Keyed, where: str) -> Outcome:
        """Do one operation unless it was done; whatever of ours is wrong with it is in its outcome."""
        operation, key = asked.operation, asked.key
        name, kept = operation.operation, self._known.get(key)
        if kept and kept.state != OperationState.FAILED and kept.digest != asked.digest:
            return Outcome(name, key, error=f"{where}.key: expected a new one, found that of another operation")
        if kept and kept.state == OperationState.DONE:
            return Outcome(name, key, kept.annotation_id, is_repeated=True)
        if self._down:
            return Outcome(name, key, error=self._down)
        was_started = kept if kept and kept.state == OperationState.STARTED else None
        try:
            self._known[key] = self._carried_out(self._planner.plan(operation, where, key, was_started))
        except LoopError as error:
            if isinstance(error, UpstreamError) and not isinstance(error, Refused):
                self._down = str(error)
            return Outcome(name, key, error=str(error))
        return Outcome(name, key, self._known[key].annotation_id)

    def _carried_out(self, plan: Plan | StoredOperation) -> StoredOperation:
        """Act between two records. Only what Label Studio refused outright is known not to have happened."""
        if isinstance(plan, StoredOperation):
            ended = plan
        else:
            self._log.begin(plan.kept)
            try:
                ended = plan.act()
            except LoopError as error:
                is_refused = isinstance(error, Refused) and (error.status or 500) < 500
                self._log.end(plan.kept, OperationState.FAILED if is_refused else OperationState.STARTED, str(error))
                raise
        self._log.end(ended, OperationState.DONE)
        return replace(ended, state=OperationState.DONE)
