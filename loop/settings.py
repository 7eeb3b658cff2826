"""Every setting, read once from the environment (or a mapping) into one frozen object."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy import URL

from loop import redis_server
from loop.errors import PayloadError
from loop.references import milvus_server
from loop.secrecy import in_address, learn
from loop.setting_text import address_problem, bare, folder, key_problem

KEY_FILE = "webhook.key"
PASSWORDS = ("basic_auth_user", "basic_auth_pass", "notify_secret", "webhook_secret")  # a quote may be a part of them


class Settings(BaseSettings):
    """The settings table of the README; names without the prefix are those Label Studio users know."""

    model_config = SettingsConfigDict(frozen=True, env_prefix="LOOP_", populate_by_name=True, extra="ignore")

    home: Path = Field(
        Path("~/.label-studio-yolo-loop"),
        validate_default=True,
        description="where records, weights and snapshots live",
    )
    label_studio_url: str = Field(
        "http://localhost:8080", alias="LABEL_STUDIO_URL", description="the Label Studio to work with"
    )
    label_studio_api_key: str = Field(
        "", alias="LABEL_STUDIO_API_KEY", description="legacy token or personal access token; which one is found out"
    )
    basic_auth_user: str = Field("", alias="BASIC_AUTH_USER", description="user that the backend asks for")
    basic_auth_pass: str = Field("", alias="BASIC_AUTH_PASS", description="password that the backend asks for")
    url: str = Field("", description="how Label Studio reaches the backend; empty: http://HOST:PORT")
    host: str = Field("127.0.0.1", description="address that the backend listens on")
    port: int = Field(9090, ge=1, le=65535, description="port that the backend listens on")
    web_workers: int = Field(1, ge=1, description="gunicorn processes, each with a detector in memory")
    default_workers: int = Field(2, ge=1, description="RQ workers for everything but training")
    redis_url: str = Field("", description="Redis to use; empty: an embedded one under LOOP_HOME")
    database_url: str = Field("", description="SQLAlchemy URL of the records; empty: SQLite under LOOP_HOME")
    model_name: str = Field("yolo_detector", description="the part of a version before the @")
    base_weights: str = Field("yolo11n.pt", description="weights that the first training starts from: a path or a name")
    device: str = Field("", description="torch device, such as cpu or 0; empty: the best there is")
    image_size: int | None = Field(
        None,
        ge=32,
        le=8192,
        multiple_of=32,
        description="pixels of the longer side, for trainings and new weights; empty: as the weights were trained",
    )
    epochs: int = Field(50, ge=1, description="epochs of a training")
    batch: int = Field(16, ge=1, description="images a training step")
    freeze: int = Field(0, ge=0, description="first layers of the network that a training leaves alone")
    retrain_after: int = Field(50, ge=1, description="new reviews that ask for a training")
    cool_down: float = Field(0.0, ge=0, description="seconds between a training and the next that reviews ask for")
    held_out_share: float = Field(0.2, gt=0, lt=1, description="share of reviewed tasks kept for measuring")
    group_field: str = Field("", description="field of a task's data; tasks of one value stay on one side together")
    twin_bits: int = Field(
        4, ge=-1, le=10, description="bits of 64 that looks of near-duplicates differ in; -1: none are"
    )
    twin_cosine: float = Field(
        0.95, ge=0, le=1, description="least cosine of near-duplicates, where LOOP_EMBEDDER is open_clip:; 0: none are"
    )
    background_share: float = Field(
        0.1, ge=0, le=1, description="most of the training side that may have nothing on it"
    )
    replay_share: float = Field(
        1.0, ge=0, le=1, description="share of what the champion learned that is trained on again"
    )
    gate_confidence: float = Field(
        0.95, gt=0, lt=1, description="how sure it must be that a candidate is better before it serves"
    )
    gate_class_drop: float = Field(0.1, ge=0, le=1, description="AP that a candidate may lose on a class")
    gate_latency_ratio: float = Field(1.5, gt=0, description="times as long as the champion it may take for an image")
    gate_images: int = Field(10, ge=0, description="held-out images below which a person decides")
    gate_boxes: int = Field(30, ge=0, description="boxes on them below which a person decides")
    score_floor: float = Field(0.05, gt=0, lt=1, description="least confidence that is kept in the log")
    score_threshold: float = Field(0.25, ge=0, le=1, description="least confidence shown, unless the label config says")
    audit_share: float = Field(0.05, ge=0, le=1, description="share of tasks served regardless of their score")
    cohort_field: str = Field("", description="field of the task data that tells cohorts apart; empty: none does")
    image_bytes: int = Field(50_000_000, gt=0, description="largest image file read, in bytes")
    image_pixels: int = Field(100_000_000, gt=0, le=1 << 30, description="largest image decoded, in pixels")
    image_seconds: float = Field(20.0, gt=0, description="longest wait for one image, in seconds")
    allow_private_addresses: bool = Field(False, description="read task images from private addresses too")
    notify_urls: str = Field("", description="who is told what happens: addresses separated by commas")
    notify_secret: str = Field("", description="key that notices are signed with; empty: derived from the webhook key")
    embedder: str = Field(
        "yolo:", description="what makes the vectors: yolo:, open_clip:MODEL/TAG-OR-PATH, open_clip:FOLDER or none"
    )
    match_seconds: float = Field(
        0.5, ge=0, description="what /predict may take for matches to the taxonomy; 0: it shows none"
    )
    discover_every: int = Field(
        86_400, ge=0, description="seconds between discoveries among what nothing has a name for; 0: only by hand"
    )
    keep_predictions: float = Field(
        600.0, ge=-1, description="seconds that old versions' predictions stay on tasks nobody has begun; -1: for ever"
    )
    spread: bool = Field(True, description="spread the queue over groups of tasks that show like things")
    milvus_uri: str = Field("", description="Milvus to use, in a database of its own; empty: one under LOOP_HOME")
    webhook_secret: str = Field("", description="key of the webhook secrets; empty: made once under LOOP_HOME")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        """The same folder wherever a command is started; also from a file of variables, where no shell reads `~`."""
        return Path(os.path.expanduser(home)).absolute()  # noqa: PTH111 (pathlib's own fails where nobody is called so)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (pydantic-settings passes them by name)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read from what `read` is given and nowhere else."""
        return (init_settings,)

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the environment, or *environment* instead; PayloadError names the variable that is wrong."""
        found = os.environ if environment is None else environment
        given = {}
        for name, variable in cls.variables().items():
            whole = found.get(variable, "")
            text = folder(whole) if name == "home" else bare(whole, may_be_quoted=name not in PASSWORDS)
            if text:
                given[name] = text
        try:
            settings = cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors()[0]
            variable = cls.variables().get(str(first["loc"][0]), str(first["loc"][0]))
            raise PayloadError(variable, first["msg"].removeprefix("Input should be "), first["input"]) from None
        settings._check()
        return settings

    def _check(self) -> None:
        """Refuse a key that cannot be sent and addresses that cannot be asked. Raises PayloadError."""
        if problem := key_problem(self.label_studio_api_key):
            expected = "a key in one line of ASCII, as Label Studio shows it under Account & Settings"
            raise PayloadError("LABEL_STUDIO_API_KEY", expected, problem)
        for variable, address in (("LABEL_STUDIO_URL", self.label_studio_url), ("LOOP_URL", self.url)):
            if address and (problem := address_problem(address)):
                shown = address.rpartition("@")[2]  # without a user and a password
                raise PayloadError(variable, "an address such as http://localhost:8080", f"{problem}: {shown}")

    def secrets(self) -> set[str]:
        """Everything in the settings that no text may carry: the key, passwords, and what is made of them."""
        login = f"{self.basic_auth_user}:{self.basic_auth_pass}"
        key_file = self.home / KEY_FILE
        found = {
            *(self.label_studio_api_key, self.basic_auth_pass, self.notify_secret, self.webhook_secret),
            base64.b64encode(login.encode()).decode() if self.basic_auth_pass else "",
            key_file.read_text() if key_file.is_file() else "",
        }
        addresses = (self.redis_url, self.database_url, self.milvus_uri, self.label_studio_url, self.url)
        for address in (*addresses, *self.receivers):
            found |= in_address(address)
        return found - {""}

    @classmethod
    def variables(cls) -> dict[str, str]:
        """The environment variable of each setting, by field name."""
        return {name: field.alias or f"LOOP_{name.upper()}" for name, field in cls.model_fields.items()}

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for a child process."""
        values = {variable: getattr(self, name) for name, variable in self.variables().items()}
        return {variable: "" if value is None else str(value) for variable, value in values.items()}

    @property
    def backend_url(self) -> str:
        """How Label Studio reaches the backend."""
        return (self.url or self.local_url).rstrip("/")

    @property
    def local_url(self) -> str:
        """How the backend is reached from this machine, also where it listens on all addresses."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104
        return f"http://{host}:{self.port}"

    @property
    def receivers(self) -> tuple[str, ...]:
        """The addresses that are told what happens."""
        return tuple(url.strip() for url in self.notify_urls.split(",") if url.strip())

    @property
    def notify_key(self) -> str:
        """What notices are signed with."""
        return self.notify_secret or self._derived("notices")

    @property
    def redis(self) -> str:
        """The Redis to use: by default a socket under LOOP_HOME, which every command on this machine finds."""
        return self.redis_url or redis_server.url(self.redis_socket)

    @property
    def redis_socket(self) -> Path:
        """Where the embedded Redis listens."""
        return redis_server.socket_in(self.home / "redis")

    @property
    def milvus(self) -> str:
        """The Milvus to use: by default on a port of this machine that is kept under LOOP_HOME."""
        return self.milvus_uri or milvus_server.address(self.milvus_folder)

    @property
    def milvus_folder(self) -> Path:
        """Where the embedded Milvus keeps its data and its port."""
        return self.home / "milvus"

    @property
    def database(self) -> str | URL:
        """The records to use: by default SQLite under LOOP_HOME."""
        return self.database_url or URL.create("sqlite", database=str(self.home / "loop.sqlite3"))

    def webhook_secret_of(self, project_id: int) -> str:
        """The secret that Label Studio's webhook of a project sends; each project has its own."""
        return self._derived(str(project_id))

    def _derived(self, purpose: str) -> str:
        key = self.webhook_secret or _kept_key(self.home / KEY_FILE)
        derived = hmac.new(key.encode(), purpose.encode(), hashlib.sha256).hexdigest()
        learn(derived)
        return derived


def _kept_key(path: Path) -> str:
    """Read the installation's key, making it at the first use, whole at once; only its owner may read it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, made = tempfile.mkstemp(dir=path.parent)  # readable by its owner alone
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        with suppress(FileExistsError):  # another process was faster, and its key is the one
            os.link(made, path)
        Path(made).unlink()
    return path.read_text()
