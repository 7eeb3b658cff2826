"""Write reviews in bulk into Label Studio: operations fail one by one, and none is done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from loop.errors import LoopError, Refused, UpstreamError
from loop.failures import Fault, attempt
from loop.label_studio.projects import Project
from loop.reviews.bulk.operations import Create, Operation, Update, digest, read_operation
from loop.reviews.bulk.plan import OperationPlan, OperationPlanner
from loop.reviews.operation_store import OperationState, StoredOperation
from loop.reviews.room import ReviewsRoom

CHUNK = 100  # operations whose tasks are fetched together

RawOperation = tuple[str, object]  # its place in the request or file, and its JSON
KeyOf = Callable[[int, Operation], str]


@dataclass(frozen=True, slots=True)
class OperationOutcome:
    """The outcome of one operation; *id* is its annotation, *error* is None if it succeeded, now or before."""

    operation: str | None
    key: str | None
    id: int | None = None
    error: str | None = None
    is_repeated: bool = False  # it was done before


def annotate(
    reviews: ReviewsRoom, project_id: int, operations: Iterable[RawOperation], key_of: KeyOf
) -> Iterator[OperationOutcome]:
    """
    Do each operation and yield the outcomes in order; *key_of* returns the key of an operation without one.

    When Label Studio stops answering, all later operations fail and are not tried. Raises UnknownProject.
    """
    return _run(_Writer(reviews, reviews.studio.projects.get(project_id), key_of), iter(operations))


def _run(writer: _Writer, operations: Iterator[RawOperation]) -> Iterator[OperationOutcome]:
    position = 0
    while chunk := list(islice(operations, CHUNK)):
        results = [attempt(partial(writer.read, raw, position + index)) for index, raw in enumerate(chunk)]
        writer.look_up([result for result in results if not isinstance(result, Fault)])
        for (where, json), result in zip(chunk, results, strict=True):
            if isinstance(result, Fault):
                yield _fail(result, where, _operation_name(json), None)
            else:
                outcome = attempt(partial(writer.do, result, where))
                name = result.operation.operation
                yield _fail(outcome, where, name, result.key) if isinstance(outcome, Fault) else outcome
        position += len(chunk)


def _fail(fault: Fault, where: str, operation: str | None, key: str | None) -> OperationOutcome:
    if not isinstance(fault.cause, LoopError):
        fault.log(where)
    return OperationOutcome(operation, key, error=fault.error)


def _operation_name(json: object) -> str | None:
    name = json.get("operation") if isinstance(json, dict) else None
    return name if isinstance(name, str) else None


@dataclass(frozen=True, slots=True)
class _KeyedOperation:
    """An operation with the key that makes a retry safe, and the digest of its content."""

    operation: Operation
    key: str
    digest: str


class _Writer:
    """One run over many operations of a project."""

    def __init__(self, reviews: ReviewsRoom, project: Project, key_of: KeyOf) -> None:
        self._store, self._project, self._config = reviews.operations, project, project.config()
        self._key_of = key_of
        self._planner = OperationPlanner(reviews, project)
        self._known: dict[str, StoredOperation] = {}
        self._down: str | None = None  # the reason why Label Studio is not asked any more

    def read(self, raw: RawOperation, position: int) -> _KeyedOperation:
        """Read an operation. Raises PayloadError."""
        where, json = raw
        operation = read_operation(json, self._config, where)
        return _KeyedOperation(operation, operation.key or self._key_of(position, operation), digest(operation))

    def look_up(self, keyed: Sequence[_KeyedOperation]) -> None:
        """Load the records of these operations, and fetch the tasks of those that are not done yet."""
        self._known = self._store.find(self._project.id, [item.key for item in keyed])
        done = {key for key, stored in self._known.items() if stored.state == OperationState.DONE}
        operations = [item.operation for item in keyed if item.key not in done]
        tasks = [
            operation.task for operation in operations if isinstance(operation, Create | Update) and operation.task
        ]
        if self._down is None:
            try:
                attempt(lambda: self._planner.look_up(tasks))  # if refused, each task is fetched by itself
            except UpstreamError as error:
                self._down = str(error)

    def do(self, keyed: _KeyedOperation, where: str) -> OperationOutcome:
        """Do one operation unless it is done already; our own errors go into the outcome."""
        operation, key = keyed.operation, keyed.key
        name, known = operation.operation, self._known.get(key)
        if known and known.state != OperationState.FAILED and known.digest != keyed.digest:
            error_text = f"{where}.key: expected a new one, found that of another operation"
            return OperationOutcome(name, key, error=error_text)
        if known and known.state == OperationState.DONE:
            return OperationOutcome(name, key, known.annotation_id, is_repeated=True)
        if self._down:
            return OperationOutcome(name, key, error=self._down)
        was_started = known if known and known.state == OperationState.STARTED else None
        try:
            self._known[key] = self._carry_out(self._planner.plan(operation, where, key, was_started))
        except LoopError as error:
            if isinstance(error, UpstreamError) and not isinstance(error, Refused):
                self._down = str(error)
            return OperationOutcome(name, key, error=str(error))
        return OperationOutcome(name, key, self._known[key].annotation_id)

    def _carry_out(self, plan: OperationPlan | StoredOperation) -> StoredOperation:
        """Act, with a record before and after. Only an operation that Label Studio refused is known to have failed."""
        if isinstance(plan, StoredOperation):
            ended = plan
        else:
            self._store.begin(plan.operation)
            try:
                ended = plan.act()
            except LoopError as error:
                is_refused = isinstance(error, Refused) and (error.status or 500) < 500
                state = OperationState.FAILED if is_refused else OperationState.STARTED
                self._store.end(plan.operation, state, str(error))
                raise
        self._store.end(ended, OperationState.DONE)
        return replace(ended, state=OperationState.DONE)
