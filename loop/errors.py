"""
Everything that can go wrong, as one tree.

LoopError
├── PayloadError            someone sent what we cannot read; carries the field
│   └── LabelConfigError    the label config has no rectangle labels on an image
├── Unauthorized            a wrong or missing secret
├── ImageError              one image cannot be had; costs only itself
│   ├── ImageForbidden      its address is not allowed
│   ├── ImageTooLarge       more bytes or pixels than allowed
│   └── ImageUnreadable     no answer, or not an image
├── RegistryError
│   ├── UnknownVersion
│   └── NoChampion
├── UnknownProject          not connected yet
├── EmptySnapshot           too little reviewed to train on
├── TrainingFailed
└── UpstreamError           Label Studio or Redis did not answer
    └── MilvusDown          nor did Milvus: vectors wait, everything else goes on
"""

from __future__ import annotations


class LoopError(Exception):
    """The root: catch it to report any trouble of ours in one line."""


class PayloadError(LoopError):
    """Something was sent that we cannot read; *field* names the part."""

    def __init__(self, field: str, expected: str, found: object) -> None:
        self.field, self.expected, self.found = field, expected, found
        super().__init__(f"{field}: expected {expected}, found {_short(found)}")


class LabelConfigError(PayloadError):
    """The label config has nothing we can predict for."""


class Unauthorized(LoopError):
    """A wrong or missing secret."""


class ImageError(LoopError):
    """One image cannot be had; *source* is its address as the task gives it."""

    def __init__(self, source: str, reason: str) -> None:
        self.source, self.reason = source, reason
        super().__init__(f"{_short(source)}: {reason}")


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
        self.name, self.known = name, known
        super().__init__(f"no version {name!r}; known: {', '.join(known) or 'none'}")


class NoChampion(RegistryError):
    """Nothing has been promoted yet, or there is nothing to go back to."""


class UnknownProject(LoopError):
    """The project was never connected."""

    def __init__(self, project_id: int) -> None:
        self.project_id = project_id
        super().__init__(f"project {project_id} is not connected: run `loop connect --project {project_id}`")


class EmptySnapshot(LoopError):
    """Too little has been reviewed to train on."""


class TrainingFailed(LoopError):
    """A training ended without weights."""


class UpstreamError(LoopError):
    """Label Studio or Redis did not answer as it should."""


class MilvusDown(UpstreamError):
    """Milvus did not answer as it should; *address* is where it was asked, *code* its own, 0 without an answer."""

    def __init__(self, address: str, reason: str, code: int = 0) -> None:
        self.address, self.reason, self.code = address, reason, code
        super().__init__(f"Milvus at {address} did not answer (is `loop up` running?): {_short(reason, 300)}")


def _short(value: object, most: int = 120) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= most else f"{text[:most]}…"
