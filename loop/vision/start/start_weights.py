"""Finds the weights that a project starts from, those that trainings start from, and the files of text encoders."""

from __future__ import annotations

import errno
import logging
import tempfile
from pathlib import Path

from loop.errors import PayloadError, UpstreamError, WeightsRefused
from loop.storage.files import copy_whole
from loop.vision.start.prompts import read_mapping
from loop.vision.start.text_encoder import FILES, TextEncoder
from loop.vision.ultralytics_setup import prepare_ultralytics
from loop.vision.weights_kind import EXPECTED, is_prompted

BASE, TRAIN, PROMPTS = "LOOP_BASE_WEIGHTS", "LOOP_TRAIN_WEIGHTS", "LOOP_PROMPTS"
PLACE = "https://github.com"  # from where ultralytics downloads
ANSWER_SECONDS = 8

log = logging.getLogger(__name__)


class StartWeights:
    """
    The files by the settings: paths on this machine, or names that ultralytics publishes.

    *base* serves before anything is trained, and *train* is what trainings start from where *base* is prompted with
    texts. *prompts* is a file with texts for labels, empty for none.
    """

    def __init__(self, base: str, downloads: Path, train: str = "", prompts: str = "") -> None:
        self._base, self._train, self._downloads = Path(base).expanduser(), Path(train).expanduser(), downloads
        self._prompts = prompts

    def first(self) -> Path:
        """
        Return the weights that serve before anything is trained, which may be prompted.

        A path stays as it is; weights that ultralytics publishes by a name, such as `yolo11n.pt`, are downloaded once.
        Raises WeightsRefused where no such file exists, UpstreamError where it cannot be downloaded.
        """
        return self._get(self._base, BASE)

    def to_train(self) -> Path:
        """Return the weights that trainings start from without a version; never prompted ones. Raises as `first`."""
        first = self.first()
        return self._get(self._train, TRAIN) if is_prompted(first) else first

    def to_train_if_here(self) -> Path | None:
        """Return the same weights without a download, None where they are not on this machine."""
        first = self._find(self._base)
        return self._find(self._train) if first and is_prompted(first) else first

    def mapping(self) -> dict[str, tuple[str, ...]]:
        """Return the texts for labels of the file of the settings. Raises PayloadError."""
        from loop.yaml_text import load

        if not self._prompts:
            return {}
        where = f"{PROMPTS} {self._prompts}"
        try:
            content = load(Path(self._prompts).expanduser().read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise PayloadError(where, "a file of UTF-8 text that can be read", str(error)) from error
        except ValueError as error:
            raise PayloadError(where, "well-formed YAML, such as `Lorry: truck`", str(error)) from error
        return read_mapping(content, where)

    def encoder(self, kind: str) -> TextEncoder:
        """
        Load a text encoder, from beside the start weights or from the downloads. Raises WeightsRefused.

        Those that ultralytics publishes are downloaded once.
        """
        file = FILES[kind]
        places = (self._base.parent / file.name, self._downloads / file.name)
        found = next((place for place in places if place.is_file()), None)
        if found is None and _is_published(file.name):
            try:
                found = _download(self._downloads / file.name)
            except UpstreamError as error:
                raise _missing(places[1], file.source, str(error)) from error
        if found is None:
            raise _missing(places[1], file.source, "no such file on this machine")
        return TextEncoder(kind, found)

    def _get(self, weights: Path, setting: str) -> Path:
        file = self._find(weights)
        if file and file.suffix.lower() == ".pt":
            return file
        if file:
            raise WeightsRefused(f"{setting} {file}", "a file of another ending than .pt", "rename it")
        if weights.is_dir() or weights.parent != Path() or not _is_published(weights.name):
            kind = "a folder" if weights.is_dir() else "no file on this machine, and no name that ultralytics publishes"
            raise WeightsRefused(f"{setting} {weights}", kind, EXPECTED)
        return _download(self._downloads / weights.name)

    def _find(self, weights: Path) -> Path | None:
        places = (weights, self._downloads / weights.name)
        return next((place for place in places if place.is_file()), None)


def _missing(place: Path, source: str, reason: str) -> WeightsRefused:
    kind = f"not here ({reason}), and without this text encoder label names cannot be made classes"
    return WeightsRefused(place, kind, f"get it once from {source} and put it there; nothing else needs it later")


def _is_published(name: str) -> bool:
    prepare_ultralytics()
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

    return name in GITHUB_ASSETS_NAMES


def _download(target: Path) -> Path:
    """Download a file that ultralytics publishes. Raises UpstreamError, soon if its place does not answer."""
    prepare_ultralytics()
    import httpx
    from ultralytics.utils.downloads import attempt_download_asset

    log.info("downloading %s from %s", target.name, PLACE)
    advice = f"put that file at {target}, or try again with a connection to the network"
    try:
        httpx.head(PLACE, timeout=ANSWER_SECONDS)  # ultralytics waits half a minute for a connection
    except httpx.TimeoutException as error:
        reason = f"{PLACE} did not answer within {ANSWER_SECONDS} s"
        raise UpstreamError(f"could not download {target.name}: {reason}; {advice}") from error
    except httpx.HTTPError as error:  # ultralytics says why, or has another way
        log.debug("%s: %s", PLACE, error)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, target.name)
        try:
            attempt_download_asset(str(file))
        except MemoryError as error:  # ultralytics means a disk
            raise OSError(errno.ENOSPC, str(error), scratch) from error
        except (OSError, RuntimeError) as error:  # every failure of ultralytics' HTTP clients is one of these
            reason = str(error).strip("❌ .")  # ultralytics writes for people who like signs
            raise UpstreamError(f"could not download {target.name}: {reason}; {advice}") from error
        if not file.exists():
            raise UpstreamError(f"could not download {target.name}; {advice}")
        copy_whole(file, target)
    return target
