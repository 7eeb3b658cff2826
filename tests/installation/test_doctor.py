"""What the doctor finds, and that nothing raises out of it."""

import base64
import io
import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from rich.console import Console
from typer.testing import CliRunner

from loop.cli import screen
from loop.cli.tree import app
from loop.errors import LegacyTokenRefused, Refused, UpstreamError
from loop.installation import checks_machine as checks_here
from loop.installation.doctor import doctor
from loop.installation.findings import Level, is_private, ok, redact_finding, wrong
from loop.label_studio.connection import read_token
from loop.label_studio.states import BackendState, StorageState, WebhookState
from loop.label_studio.tasks import read_tasks
from loop.label_studio.webhook import ensure_webhook
from loop.registry.store import VersionFacts
from loop.rooms import swap
from loop.settings import Settings
from loop.wiring import build
from tests.builders import CONFIG, ls_task
from tests.fakes import FakeImages, FakeLabelStudio, FakeQueue

NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Studio(FakeLabelStudio):
    """A Label Studio with all set up for the champion; what is broken is changed by the test."""

    def __init__(self, door):
        super().__init__([ls_task(1), ls_task(2)])
        self.key, self.number, self.refusal, self.wait, self.off = "0" * 40, "1.23.2", None, 0.0, timedelta()
        self.hooks, self.stores, self.has_local_files = [], [], True
        self.mls = [{"url": door.url, "state": "CO", "title": "YOLO loop"}]
        self.predicted = 2
        self.fields.update(
            sampling="Uncertainty sampling", model_version="yolo_detector@1.0.0", show_collab_predictions=True
        )

    def token(self):
        return read_token(self.key, datetime.now(UTC))

    def now(self):
        return datetime.now(UTC) + self.off

    def check_key(self):
        time.sleep(self.wait)
        if self.refusal:
            raise self.refusal

    def version(self):
        return self.number

    def storages(self, project_id):
        return [StorageState.of(store) for store in self.stores]

    def first_tasks(self, project_id, count):
        return read_tasks(self.tasks)

    def serves_local_files(self):
        return self.has_local_files

    def count_open(self, project_id, version=None):
        return self.predicted if version else 2

    def backends(self, project_id):
        return [BackendState.of(backend) for backend in self.mls]

    def webhooks(self, project_id):
        return [WebhookState.of(hook) for hook in self.hooks]

    def create_webhook(self, **fields):
        self.hooks.append({"id": len(self.hooks) + 1, **fields})


class Queue(FakeQueue):
    """Workers listen, the schedule sweeps, no job waits."""

    workers_found, waiting_since, swept = {"gpu": 1, "default": 2}, None, timedelta(seconds=3)

    def workers(self):
        return self.workers_found

    def oldest(self):
        return self.waiting_since

    def last_scheduled(self, job):
        return datetime.now(UTC) - self.swept if self.swept else None


class Answering:
    """A door that answers from here, or does not."""

    def __init__(self, door, answers=True):
        self._door, self._answers = door, answers

    def answers(self):
        return self._answers

    def __getattr__(self, name):
        return getattr(self._door, name)


@pytest.fixture
def patient(rooms, tmp_path):
    """An installation with nothing wrong."""
    door = Answering(rooms.studio.backend)
    healthy = swap(
        rooms,
        (rooms.studio.backend, door),
        (rooms.studio.client, Studio(door)),
        (rooms.queue, Queue()),
        (rooms.vision.images, FakeImages()),
    )
    (tmp_path / "w.pt").write_bytes(b"weights")
    version = rooms.registry.versions.add(1, tmp_path / "w.pt", VersionFacts(classes=("Car", "Person")))
    rooms.registry.versions.promote(1, version.name, "first")
    ensure_webhook(healthy.studio, 1)
    return healthy


def unwell(rooms, **options):
    """The findings that are not ok, by check."""
    return {one.check: one for one in doctor(rooms.installation, **options) if one.level != Level.OK}


def test_of_a_healthy_installation_all_is_well(patient):
    assert unwell(patient) == {}


def jwt(**claims):
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJIUzI1NiJ9.{body}.c2lnbmVk"


@pytest.mark.parametrize(
    ("key", "kind", "is_usable"),
    [
        pytest.param("", "no key", False, id="none"),
        pytest.param("a" * 40, "legacy token", True, id="legacy"),
        pytest.param("a.b.c", "legacy token", True, id="no-jwt"),
        pytest.param(jwt(token_type="refresh", exp=NOW.timestamp() + 9), "personal access token", True, id="pat"),
        pytest.param(jwt(token_type="refresh", exp=NOW.timestamp() - 9), "personal access token", False, id="expired"),
        pytest.param(jwt(token_type="access", exp=NOW.timestamp() + 9), "access token", False, id="access"),
    ],
)
def test_the_kind_of_a_key_is_told_by_itself(key, kind, is_usable):
    found = read_token(key, NOW)

    assert found.kind.startswith(kind)
    assert found.is_usable is is_usable


@pytest.mark.parametrize(
    ("key", "refusal", "check", "word"),
    [
        pytest.param("", None, "token", "LABEL_STUDIO_API_KEY", id="no-key"),
        pytest.param(jwt(token_type="refresh", exp=1.0), None, "token", "LABEL_STUDIO_API_KEY", id="expired"),
        pytest.param(
            *("a" * 40, LegacyTokenRefused("legacy token authentication has been disabled for this organization", 401)),
            *("token", "enable legacy tokens"),
            id="legacy-disabled",
        ),
        pytest.param("a" * 40, Refused("Invalid token.", 401), "token", "personal", id="401"),
        pytest.param("a" * 40, UpstreamError("no answer"), "label studio", "LABEL_STUDIO_URL", id="unreachable"),
    ],
)
def test_a_key_that_does_not_work_is_told_and_nothing_more_is_asked(patient, key, refusal, check, word):
    patient.studio.client.key, patient.studio.client.refusal = key, refusal

    found = unwell(patient)

    assert list(found) == [check]
    assert found[check].level == Level.WRONG
    assert word in found[check].advice
    assert not key or key not in str(found)


def test_a_token_that_expires_soon_is_a_warning(patient):
    soon = datetime.now(UTC) + timedelta(days=3)
    patient.studio.client.key = jwt(token_type="refresh", exp=soon.timestamp())

    assert unwell(patient)["token"].level == Level.WARNING


BREAKS = {
    "another-version": (lambda it: setattr(it, "number", "1.20.0"), "label studio", "tested with"),
    "clock-off": (lambda it: setattr(it, "off", timedelta(seconds=90)), "clock", "NTP"),
    "no-backend": (lambda it: it.mls.clear(), "backend", "loop connect"),
    "backend-elsewhere": (lambda it: it.mls[0].update(url="http://old:9090"), "backend", "remove the old one"),
    "guards-on": (lambda it: it.mls[0].update(state="DI"), "backend", "ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION"),
    "setup-fails": (lambda it: it.mls[0].update(state="ER", error_message="401"), "backend", "basic auth differs"),
    "no-hook": (lambda it: it.hooks.clear(), "webhook", "loop sync"),
    "hook-off": (lambda it: it.hooks[0].update(is_active=False), "webhook", "loop sync"),
    "hook-secret": (lambda it: it.hooks[0]["headers"].update({"X-Loop-Secret": "x"}), "webhook", "loop sync"),
    "hook-actions": (lambda it: it.hooks[0].update(actions=["ANNOTATION_CREATED"]), "webhook", "loop sync"),
    "automatic-hook": (lambda it: it.hooks.append({"url": it.hooks[0]["url"]}), "webhook", "loop sync"),
    "storage-failed": (
        lambda it: it.stores.append({"type": "s3", "title": "b", "status": "failed", "last_sync": "2026"}),
        *("storage", "Cloud Storage"),
    ),
    "storage-never-synced": (
        lambda it: it.stores.append({"type": "gcs", "title": "b", "status": "initialized", "last_sync": None}),
        *("storage", "Sync Storage"),
    ),
    "sampling": (lambda it: it.fields.update(sampling="Sequential sampling"), "order", "loop connect"),
    "model-version": (lambda it: it.fields.update(model_version="YOLO loop"), "order", "loop connect"),
    "predictions-hidden": (lambda it: it.fields.update(show_collab_predictions=False), "order", "loop connect"),
    "label-config": (
        lambda it: it.fields.update(label_config=CONFIG.replace("Car", "Bus")),
        *("label config", "loop sync"),
    ),
    "label-config-of-pages": (
        lambda it: it.fields.update(label_config=CONFIG.replace('value="$image"', 'valueList="$pages"')),
        *("label config", "project's settings"),
    ),
    "not-predicted": (lambda it: setattr(it, "predicted", 1), "predictions", "loop status"),
}


@pytest.mark.parametrize(("breaks", "check", "word"), list(BREAKS.values()), ids=list(BREAKS))
def test_what_is_broken_in_label_studio_is_named_with_what_to_do(patient, breaks, check, word):
    breaks(patient.studio.client)

    found = unwell(patient)

    assert list(found) == [check]
    assert word in found[check].advice
    assert found[check].project in (1, None)


def test_local_files_that_are_not_served_are_told(patient):
    patient.studio.client.stores = [{"type": "localfiles", "title": "d", "status": "completed", "last_sync": "2026"}]
    patient.studio.client.has_local_files = False

    assert "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true" in unwell(patient)["local files"].advice


def test_an_image_that_cannot_be_read_is_told_by_its_task(patient):
    found = unwell(swap(patient, (patient.vision.images, FakeImages(broken=[2]))))

    assert found["images"].found.startswith("task 2: ")


def test_labels_without_a_class_and_classes_without_a_label_are_told(patient, tmp_path):
    version = patient.registry.versions.add(
        1, tmp_path / "w.pt", VersionFacts(classes=("Car", "Lorry"), snapshot="abc")
    )
    patient.registry.versions.promote(1, version.name, "renamed")
    patient.studio.client.fields["model_version"] = version.name

    found = [one.found for one in doctor(patient.installation) if one.check == "labels"]

    assert found == ["no class for the labels Person", "no label for the classes Lorry"]


def test_classes_of_weights_from_elsewhere_need_no_label(patient, tmp_path):
    version = patient.registry.versions.add(
        1, tmp_path / "w.pt", VersionFacts(classes=("Car", "Person", "Zebra", "Bench"))
    )
    patient.registry.versions.promote(1, version.name, "from elsewhere")
    patient.studio.client.fields["model_version"] = version.name

    (found,) = (one for one in doctor(patient.installation) if one.check == "labels")

    assert found.level == Level.OK
    assert "2 classes of weights that were not trained here" in found.found


def test_a_task_without_an_image_is_told(patient):
    patient.studio.client.tasks[0]["data"] = {"text": "no image"}

    assert unwell(patient)["images"].found.startswith("task 1 data.image")


def test_a_project_without_tasks_is_no_fault(patient):
    patient.studio.client.tasks = []
    patient.studio.client.fields.update(task_number=0, model_version="")

    assert unwell(patient)["order"].level == Level.WARNING


def test_weights_that_changed_are_told(patient):
    patient.registry.versions.champion(1).weights.write_bytes(b"other")

    assert "is damaged" in unwell(patient)["weights"].found


def test_weights_that_are_gone_are_told(patient):
    patient.registry.versions.champion(1).weights.unlink()

    assert "No such file" in unwell(patient)["weights"].found


def test_a_web_part_that_is_not_there_is_told(patient):
    assert (
        "loop up"
        in unwell(swap(patient, (patient.studio.backend, Answering(patient.studio.backend, answers=False))))[
            "web"
        ].advice
    )


@pytest.mark.parametrize(
    ("field", "value", "check"),
    [
        ("workers_found", {"default": 1}, "workers gpu"),
        ("waiting_since", datetime(2026, 1, 1, tzinfo=UTC), "queue age"),
        ("swept", timedelta(minutes=5), "schedule"),
        ("swept", None, "schedule"),
    ],
)
def test_jobs_that_nobody_does_are_told(patient, field, value, check):
    setattr(patient.queue, field, value)

    assert list(unwell(patient)) == [check]


def test_a_redis_that_is_down_is_told(patient, rooms, tmp_path):
    down = build(Settings.read({"LOOP_HOME": str(tmp_path / "x"), "LOOP_REDIS_URL": f"unix://{tmp_path}/none.sock"}))

    found = unwell(swap(patient, (patient.queue, down.queue)))

    assert {"redis", "queue age", "schedule"} <= set(found)
    assert "LOOP_REDIS_URL" in found["redis"].advice
    down.close()


def test_little_space_is_told(patient, monkeypatch):
    monkeypatch.setattr(checks_here, "VERY_LITTLE", 2**60)
    monkeypatch.setattr(checks_here, "LITTLE", 2**60)

    assert unwell(patient)["disk"].level == Level.WRONG


def test_records_of_another_revision_are_told(patient):
    with patient.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))

    assert "migrates" in unwell(patient)["records"].advice


def test_damaged_records_are_told(patient, settings):
    patient.engine.dispose()
    path = settings.home / "loop.sqlite3"
    with patient.engine.connect() as connection:
        connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
    patient.engine.dispose()
    content = bytearray(path.read_bytes())
    content[8192 : 8192 + 4096] = b"\xff" * 4096
    path.write_bytes(content)

    found = unwell(patient)

    assert found["records"].level == Level.WRONG


def test_an_installation_without_records_is_told_and_raises_nothing(tmp_path):
    empty = build(Settings.read({"LOOP_HOME": str(tmp_path / "new"), "LABEL_STUDIO_URL": "http://127.0.0.1:9"}))

    found = unwell(empty, seconds=5)

    assert {"token", "records", "projects", "web", "redis"} <= set(found)
    empty.close()


def test_a_label_studio_that_hangs_costs_seconds(patient):
    patient.studio.client.wait = 30
    began = time.monotonic()

    found = unwell(patient, seconds=0.5)

    assert time.monotonic() - began < 3
    assert all(thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread())
    assert "no answer within 0.5 s" in found["token"].found


def test_a_check_that_raises_is_a_finding_and_the_others_go_on(patient):
    patient.studio.client.backends = None

    found = {one.check: one for one in doctor(patient.installation)}

    assert found["backend"].level == Level.WRONG
    assert found["webhook"].level == Level.OK


def test_a_project_that_was_never_connected_is_told(patient):
    assert unwell(patient, project_id=9)["project"].project == 9


def test_each_of_two_projects_is_looked_at(patient):
    patient.studio.projects.save(2, "More cars", CONFIG)

    assert {one.project for one in doctor(patient.installation)} == {None, 1, 2}
    assert {one.project for one in doctor(patient.installation, 1)} == {None, 1}


def test_no_secret_is_ever_printed(patient):
    patient.studio.client.key = "5ec3e7" * 7
    patient.studio.client.hooks[0]["headers"]["X-Loop-Secret"] = "hidden"
    out = Console(file=io.StringIO(), width=200)

    findings = doctor(patient.installation)
    screen.show_findings(out, findings)
    told = out.file.getvalue() + json.dumps(screen.findings_json(findings))

    for secret in (patient.studio.client.key, "hidden", patient.studio.backend.secret_of(1)):
        assert secret not in told


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            "https://b.example/a.jpg?X-Amz-Signature=abc&part=1: HTTP 403",
            "https://b.example/a.jpg?X-Amz-Signature=[redacted]&part=1: HTTP 403",
        ),
        ("redis://loop:pa55@host:6379 did not answer", "redis://[redacted]@host:6379 did not answer"),
        ("/data/local-files/?d=a@b/c.jpg", "/data/local-files/?d=a@b/c.jpg"),
    ],
)
def test_passwords_and_signatures_in_addresses_are_left_out(found, told):
    assert redact_finding(wrong("x", found, found)) == wrong("x", told, told)


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://127.0.0.1:9090", True),
        ("http://localhost:9090", True),
        ("http://web:9090", True),
        ("http://[::1]:9090", True),
        ("http://192.168.1.5:9090", True),
        ("https://loop.example.com", False),
        ("http://8.8.8.8", False),
    ],
)
def test_private_addresses_are_told_by_their_text(url, private):
    assert is_private(url) is private


def run(monkeypatch, environment, *arguments):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(app, ["doctor", *arguments])


def test_the_command_fails_where_something_is_wrong(monkeypatch, tmp_path):
    environment = {
        "LOOP_HOME": str(tmp_path),
        "LABEL_STUDIO_URL": "http://127.0.0.1:9",
        "LABEL_STUDIO_API_KEY": "k" * 40,
    }

    done = run(monkeypatch, environment, "--json")

    assert done.exit_code == 1
    assert {"token", "records"} & {one["check"] for one in json.loads(done.output)}


def test_a_setting_that_cannot_be_read_is_a_finding_too(monkeypatch, tmp_path):
    done = run(monkeypatch, {"LOOP_HOME": str(tmp_path), "LOOP_PORT": "many"})

    assert done.exit_code == 1
    assert "LOOP_PORT" in done.output


def test_all_well_is_told_in_one_line():
    out = Console(file=io.StringIO(), width=100, markup=False)

    screen.show_findings(out, [ok("disk", "5 GB free [all]")])

    assert "5 GB free [all]" in out.file.getvalue()
    assert out.file.getvalue().strip().endswith("1 ok, 0 warning, 0 wrong")
