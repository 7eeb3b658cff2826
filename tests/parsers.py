"""Every reader of something from outside that needs no server, with the inputs that it is fed with."""

import base64
import gzip
import io
import json
import zipfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st

from loop.datasets.convert import explain_nothing, to_verdicts
from loop.errors import LoopError
from loop.http_addresses import is_same, path_within
from loop.installation.backup import restore
from loop.label_studio.connection import read_token
from loop.label_studio.label_config import parse
from loop.label_studio.label_config_edit import with_label
from loop.label_studio.match_control import find_control
from loop.label_studio.payloads import project_of, read_prediction, read_review
from loop.label_studio.tasks import read_tasks
from loop.label_studio.webhook import keep_used, read_annotations, read_deleted, read_project_update
from loop.registry import archive, manifest
from loop.registry.pickle_check import objections
from loop.registry.weights_check import check_weights
from loop.reviews.bulk.file import look_through
from loop.reviews.bulk.operations import digest, read_operation
from loop.reviews.verdict_query import VerdictFilter, read_cursor
from loop.secrecy import mask, secrets_in
from loop.setting_text import key_problem
from loop.settings import Settings
from loop.storage.text_file import read_text
from loop.taxonomy import taxonomy_yaml
from loop.validation import read as read_model
from loop.vision.addresses import file_paths, identify, read_inline, scheme_of
from loop.vision.image_files import prepare
from loop.vision.images import ImageLimits, Images
from loop.vision.weights_kind import check_kind
from tests.builders import CONFIG
from tests.fuzzing import JSON_PIECES, Parser, as_json, damaged_bytes, damaged_texts, encoded, json_like, passed
from tests.label_studio import builders as shapes
from tests.mutants import EVENTS, OPERATION, RAW, mutants
from tests.samples import (
    ADDRESSES,
    BACKUP,
    CLAIMS,
    DECLARED,
    EXPORT,
    LINES,
    MANIFEST,
    MATCHED,
    OPCODES,
    PICKLES,
    PLACE,
    QUERY,
    TARS,
    TASK,
    TAXONOMIES,
    TAXONOMY,
    URL,
    VALUES,
    XML,
    YAML,
)
from tests.vision import image_samples
from tests.vision.builders import checkpoint
from tests.vision.fakes import FakeAccount

SHAPES = parse(shapes.SHAPES)
IMAGES = Images(FakeAccount("http://localhost:8080"), ImageLimits())


def read_event(value, _):
    if not isinstance(value, dict):
        return
    action = value.get("action")
    event = keep_used(action, value) if isinstance(action, str) else value
    for read in (project_of, read_annotations, lambda sent: read_deleted(sent, "annotation")):
        with suppress(LoopError):
            read(event)
    with suppress(LoopError):
        for annotation, task in read_annotations(event):
            annotation.read(SHAPES, task_id=task.id)
    read_project_update(event, 1)


def read_task(value, _):
    for task in read_tasks([value]):
        with suppress(LoopError):
            task.read("image")
        with suppress(LoopError):
            task.read_reviews(SHAPES)
        for name in ("id", "project", "data", "is_labeled", "is_begun", "has_ids_alone"):
            with suppress(LoopError):
                getattr(task, name)
        task.read_predictions(SHAPES)


def read_annotation(value, _):
    if isinstance(value, dict):
        with suppress(LoopError):
            read_prediction(value, SHAPES)
    read_review(value, SHAPES)


def read_label_config(text, _):
    for read in (parse, find_control):
        with suppress(LoopError):
            read(text)
    with_label(text, "new")


def written(content, folder, name):
    path = folder / name
    path.write_bytes(content)
    return path


def read_export_file(content, folder):
    path = written(content, folder, "export.json")
    for label_config in (CONFIG, None):
        with suppress(LoopError):
            list(to_verdicts(path, label_config))
    explain_nothing(path)


def read_operations(content, folder):
    for where, operation in look_through(written(content, folder, "operations")).operations():
        with suppress(LoopError):
            read_operation(operation, SHAPES, where)


def check_weights_file(content, folder):
    path = written(content, folder, "weights.pt")
    with suppress(LoopError):
        check_kind(path)
    check_weights(path)


def packed_weights(pickled, compress=zipfile.ZIP_STORED):
    return checkpoint(io.BytesIO(), pickled, compress=compress).getvalue()


def check_pickle(content, folder):
    assert all(isinstance(reason, str) for reason in objections(content))
    check_weights_file(packed_weights(content), folder)


def read_address(text, _):
    for read in (scheme_of, identify, file_paths, mask, secrets_in):
        read(text)
    for compare in (is_same, path_within):
        compare(text, "http://localhost:8080/a")
    with suppress(ValueError):
        read_inline(text)
    IMAGES.fetch(text, 1)


def restore_backup(content, folder):
    with TemporaryDirectory(dir=folder) as home:
        restore(Path(home), written(content, folder, "backup.tar.gz"))


def gzipped(content):
    return gzip.compress(content, 1, mtime=0)


def weights_files():
    """Files as torch.save writes them, and packed ones."""
    ways = (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    return [*map(packed_weights, PICKLES), *(packed_weights(PICKLES[1], way) for way in ways)]


@st.composite
def environments(draw):
    """Variables of the settings, one to three of them with any value."""
    names = sorted(Settings.variables().values())
    values = passed(st.sampled_from(VALUES) | st.text(max_size=20) | damaged_texts(*ADDRESSES, pieces=URL))
    return {draw(st.sampled_from(names)): draw(values) for _ in range(draw(st.integers(1, 3)))}


def in_base64(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def api_key(claims):
    return f"{in_base64({'alg': 'HS256'})}.{in_base64(claims)}.{'a' * 43}"


JSON_FILES = damaged_texts(
    EXPORT, LINES, f'{{"tasks": {EXPORT}}}', f'{{"operations": [{LINES.splitlines()[0]}]}}', pieces=JSON_PIECES
)
FILES = encoded(damaged_texts(EXPORT, LINES, pieces=(*JSON_PIECES, *DECLARED))) | encoded(
    st.builds(str.__add__, st.sampled_from(DECLARED), JSON_FILES)
)

PARSERS = {
    "event": Parser(json_like(*EVENTS.values()), read_event, 130_000),
    "annotation": Parser(json_like(TASK["annotations"][0]), read_annotation, 100_000),
    "task": Parser(json_like(TASK), read_task, 80_000),
    "label config": Parser(damaged_texts(CONFIG, shapes.SHAPES, MATCHED, pieces=XML), read_label_config, 100_000),
    "export file": Parser(encoded(JSON_FILES) | encoded(as_json(mutants([TASK]))), read_export_file, 40_000),
    "file of operations": Parser(FILES, read_operations, 60_000),
    "operation": Parser(
        json_like(OPERATION, RAW), lambda value, _: digest(read_operation(value, SHAPES, "o")), 100_000
    ),
    "taxonomy": Parser(
        damaged_texts(*TAXONOMIES, pieces=YAML) | as_json(mutants(TAXONOMY)),
        lambda text, _: taxonomy_yaml.read(text),
        30_000,
    ),
    "text file": Parser(FILES, lambda content, folder: read_text(written(content, folder, "text"), "text"), 40_000),
    "archive": Parser(
        damaged_bytes(*TARS).map(gzipped) | damaged_bytes(*map(gzipped, TARS)),
        lambda content, folder: archive.read(written(content, folder, "archive.tar.gz"), folder),
        60_000,
    ),
    "backup": Parser(damaged_bytes(BACKUP).map(gzipped) | damaged_bytes(gzipped(BACKUP)), restore_backup, 20_000),
    "manifest": Parser(
        as_json(mutants(MANIFEST)) | damaged_texts(json.dumps(MANIFEST), pieces=JSON_PIECES),
        lambda text, _: manifest.read(text),
        60_000,
    ),
    "weights": Parser(damaged_bytes(*weights_files()), check_weights_file, 60_000),
    "pickle": Parser(damaged_bytes(*PICKLES, pieces=OPCODES), check_pickle, 40_000),
    "image": Parser(
        damaged_bytes(*image_samples.good().values()), lambda content, _: prepare(content, "image", 1_000_000), 20_000
    ),
    "image address": Parser(damaged_texts(*ADDRESSES, pieces=URL), read_address, 60_000),
    "settings": Parser(environments(), lambda values, _: Settings.read(values).secrets(), 20_000),
    "cursor": Parser(
        json_like(PLACE).map(in_base64) | damaged_texts(in_base64(PLACE), pieces=URL),
        lambda text, _: read_cursor(text),
        60_000,
    ),
    "api key": Parser(
        json_like(CLAIMS).map(api_key) | damaged_texts(api_key(CLAIMS), pieces=URL),
        lambda text, _: key_problem(text) or read_token(text, datetime.now(UTC)),
        40_000,
    ),
    "query": Parser(json_like(QUERY), lambda value, _: read_model(VerdictFilter, value), 60_000),
}
