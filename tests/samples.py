"""Good inputs of parsers, and the pieces that they are damaged with."""

import hashlib
import io
import json
import pickle
import tarfile

from tests.builders import CONFIG
from tests.label_studio import builders as shapes
from tests.mutants import OPERATION, RAW, annotation, full_task
from tests.vision.builders import HARMLESS, LAYER


def packed(*members, form=tarfile.USTAR_FORMAT):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=form) as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


RESULTS = [
    *(shapes.rectangle(), shapes.rectangle(width=-5, height=-5), shapes.polygon(), shapes.ellipse(rotation=30)),
    *(shapes.brush(), shapes.point(), shapes.tag(), shapes.bare()),
]
TASK = {**full_task(2, 1), "annotations": [{**annotation(2), "result": RESULTS, "parent_prediction": 2}]}
MATCHED = CONFIG.replace(
    "</View>",
    '<Taxonomy name="k" toName="image" perRegion="true"><Choice value="a"><Choice alias="b"/></Choice></Taxonomy>'
    "</View>",
)
XML = (
    *("<", ">", '"', "'", "&", "&amp;", "&#0;", "&#xD800;", "\0", "\ud800", "😀", "$image", "$", "{{", "]]>", "<!--"),
    *("<!DOCTYPE x>", '<?xml version="1.0" encoding="utf-7"?>', '<?xml version="1.0" encoding="x"?>', "<x:y/>"),
    *("<View>" * 3000 + "</View>" * 3000, '<Choice value="a">' * 3000 + "</Choice>" * 3000, "y" * 5000),
    *('<Label value="a"/>', '<Label alias="b"/>', '<Image name="image"/>', ' toName="image"', ' name=""', ' value=""'),
    *('<RectangleLabels name="b" toName="image"/>', "<Repeater>", ' model_score_threshold="nan"', 'perRegion="true"'),
)
DECLARED = tuple(
    f'<?xml version="1.0" encoding="{name}"?>'
    for name in ("idna", "punycode", "undefined", "utf-7", "zip", "mbcs", "x")
)
MANIFEST = {
    "format": 1,
    "classes": ["Car", "Person"],
    "image_size": 640,
    "thresholds": {"floor": 0.05, "display": 0.25},
    "weights_sha256": "0" * 64,
    "source": {"project": 1, "version": "yolo_detector@1.0.0"},
}
TARS = [
    packed(("manifest.json", json.dumps(MANIFEST).encode()), ("weights.pt", b"weights")),
    packed(("a" * 150 + "/weights.pt", b"weights"), form=tarfile.GNU_FORMAT),
    packed(("ü" * 80 + "/weights.pt", b"weights"), form=tarfile.PAX_FORMAT),
]
RECORDS = ("loop.sqlite3", b"")  # an empty file is an empty database
SAVED = [RECORDS, *((name, b"saved") for name in ("webhook.key", "weights/1/a.pt", "spool/1.event"))]
FILES_OF_BACKUP = {"format": 1, "files": {name: hashlib.sha256(content).hexdigest() for name, content in SAVED}}
BACKUP = packed(*SAVED, ("backup.json", json.dumps(FILES_OF_BACKUP).encode()))
TAXONOMY = {
    "nodes": [
        {
            "id": "animal",
            "title": "Animal",
            "threshold": 0.4,
            "enrichment": {"a": "b", "c": {"value": "d", "mode": "append"}},
        },
        {"id": "dog", "parent": "animal", "labels": ["Dog", "Hound"], "examples": ["a dog"]},
    ]
}
YAML = (
    *("!!int ''", "!!float ''", "!!bool x", "!!timestamp x", "!!binary x", "!!set {a}", "!!omap [a]"),
    *("!!python/name:os.x", "&a [*a]", "*a", "<<: *a", "<<: 1", "? [a]", "- ", ": ", "\t", "%YAML 9.9", "---", "..."),
    *("0x" + "f" * 5000, "1:1:1", "2026-13-45", ".nan", "-.inf", "0b", "0o8", "1_", "no", "\x85", "\ufeff", "\0"),
    *("\ud800", "[" * 300, "{a: " * 300),
    *("'", '"', "|", ">", "#", "@", "`", "{", "}", "]", "\n", "id: a", "parent: dog", "threshold: 9e999", '"\\ud800"'),
)
TAXONOMIES = (
    "nodes:\n  - id: a\n    title: A\n  - {id: b, parent: a, threshold: .5, labels: [c, d]}\n",
    json.dumps(TAXONOMY),
)
PICKLES = [HARMLESS, b"\x80\x02" + LAYER + b")\x81}X\x01\x00\x00\x00aK\x01sb.", pickle.dumps([(1, {"a": 2.0})], 2)]
OPCODES = tuple(
    bytes([code]) for code in b"(.0123BCFGIJKLMNPQRSTUVX\\]abcdefghijlopqrstu}\x80\x81\x82\x85\x86\x87\x88\x8a\x8b\x95"
)
ADDRESSES = (
    *("/data/upload/1/0123abcd-a.jpg", "https://user:pass@host.example:8443/a%2f..%2fb.jpg?d=c#e"),
    *("s3://bucket/key?a#b", "http://localhost:8080/a/data/local-files/?d=x%20y/.."),
    *("data:image/png;base64,iVBORw0KGgo=", "//host/a", "C:\\a\\b", "/tasks/1/resolve/?fileuri=czM6Ly9hL2I="),
    *("http://[::ffff:1.2.3.4]:80/a", "http://2130706433/", "data:;sha256=0,"),
)
URL = (
    *(":", "/", "//", "\\", "?", "#", "@", "[", "]", "%", "%00", "%ff", "%2e%2e", "..", ":99999", ":-1", ":x", "\0"),
    *("\n", " ", "http://", "HTTPS://", "file:///", "data:", ";base64,", "=", "===", "ü", "\ud800", "xn--", ".."),
    *("a" * 300, "0x7f.1", "é."),
)
VALUES = (
    *("nan", "inf", "-1", "0", "1e999", "9" * 5000, "true", "maybe", "", " ", "'", '"', "\ufeff", "\0", "\ud800"),
    *("\udcff", "~\0", "http://[", "http://a:x", "http://user:pa@ss@host", "postgresql://", "sqlite:////x"),
    *("unix:///a", "a,b,,", "~nobody", "ü"),
)
PLACE = ["2026-01-01T00:00:00+00:00", 1, "yolo_detector@1.0.0", 1]
CLAIMS = {"token_type": "refresh", "exp": 1_900_000_000, "iat": 1_700_000_000, "user_id": "1"}
QUERY = {"project": "1", "since": "2026-01-01", "annotator": "3", "decision": "corrected", "is_shadow": "true"}
EXPORT = json.dumps([TASK, full_task(1, 1)])
LINES = "\n".join(json.dumps(one) for one in (OPERATION, RAW))
