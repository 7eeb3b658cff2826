"""Stands for what an installation talks to, as well as a test wants it."""

import time
from datetime import UTC, datetime, timedelta

import httpx

from loop.label_studio.connection import read_token
from loop.label_studio.states import BackendState, StorageState, WebhookState
from loop.label_studio.tasks import read_tasks
from tests.builders import ls_task
from tests.fakes import FakeLabelStudio, FakeQueue


class Connectable(FakeLabelStudio):
    """Lets itself be connected."""

    def __init__(self, label_config):
        super().__init__()
        self.fields["label_config"] = label_config
        self.made = []

    def backends(self, project_id):
        return []

    def webhooks(self, project_id):
        return []

    def create_backend(self, *fields, is_interactive):
        self.made.append((*fields, is_interactive))

    def create_webhook(self, **fields):
        self.made.append(fields)


NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Studio(FakeLabelStudio):
    """A Label Studio with all set up for the champion; what is broken is changed by the test."""

    def __init__(self, door):
        super().__init__([ls_task(1), ls_task(2)])
        self.key, self.number, self.refusal, self.wait, self.off = "0" * 40, "1.23.2", None, 0.0, timedelta()
        self.hooks, self.stores, self.has_local_files = [], [], True
        login = {"auth_method": "BASIC_AUTH", "basic_auth_user": door.login_of(1).user}
        self.mls = [{"id": 5, "url": door.url, "state": "CO", "title": "YOLO loop", "is_interactive": True, **login}]
        self.logins = []
        self.open, self.predicted = 2, 2
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

    def answers(self):
        return True

    def version(self):
        return self.number

    def storages(self, project_id):
        return [StorageState.of(store) for store in self.stores]

    def first_tasks(self, project_id, count):
        return read_tasks(self.tasks)

    def serves_local_files(self):
        return self.has_local_files

    def count_open(self, project_id, version=None):
        return self.predicted if version else self.open

    def backends(self, project_id):
        return [BackendState.of(backend) for backend in self.mls]

    def webhooks(self, project_id):
        return [WebhookState.of(hook) for hook in self.hooks]

    def create_webhook(self, **fields):
        self.hooks.append({"id": len(self.hooks) + 1, **fields})

    def delete_webhook(self, webhook_id):
        self.hooks = [hook for hook in self.hooks if hook["id"] != webhook_id]

    def create_backend(self, project_id, title, url, login, *, is_interactive):
        self.mls.append({"id": 8, "url": url, "state": "CO", "title": title, "is_interactive": is_interactive})

    def update_backend(self, project_id, backend, login, *, is_interactive):
        if self.refusal:
            raise self.refusal
        self.logins.append((project_id, backend.id, login))
        self.mls[0].update(
            auth_method="BASIC_AUTH", basic_auth_user=login.user, state="CO", is_interactive=is_interactive
        )


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
    """A door that answers from here, or does not; *status* is its answer to strangers."""

    def __init__(self, door, answers=True, status=401):
        self._door, self._answers, self._status = door, answers, status

    def answers(self):
        return self._answers

    def answer_to_strangers(self):
        if not self._answers:
            raise httpx.ConnectError("nobody there")
        return self._status

    def __getattr__(self, name):
        return getattr(self._door, name)
