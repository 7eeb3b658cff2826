"""Settings, read once from the environment (or a mapping) into one frozen object."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from sqlalchemy import URL

from loop.environment_settings import EnvironmentSettings
from loop.errors import PayloadError
from loop.job_queue import redis_server
from loop.secrecy import secrets_in
from loop.setting_text import DEFAULT_HOME, find_problem, host_in_url, strip_folder, strip_text
from loop.storage.keys import read_key

MOST_DAYS = 36_500  # a hundred years: for ever
Seconds = Annotated[float, Field(le=MOST_DAYS * 86_400)]
PASSWORDS = ("basic_auth_user", "basic_auth_pass", "notify_secret", "webhook_secret")  # a quote may be a part of them


class Settings(EnvironmentSettings):
    """All settings. Variables without the prefix LOOP_ have the names that Label Studio users know."""

    home: Path = Field(
        Path(DEFAULT_HOME),
        validate_default=True,
        description="folder of records, weights and snapshots, for its owner only",
    )
    label_studio_url: str = Field(
        "http://localhost:8080", alias="LABEL_STUDIO_URL", description="the Label Studio to work with"
    )
    label_studio_api_key: str = Field(
        "", alias="LABEL_STUDIO_API_KEY", description="legacy token or personal access token; the kind is detected"
    )
    basic_auth_user: str = Field(
        "", alias="BASIC_AUTH_USER", description="user that opens the whole backend; empty: a login for each project"
    )
    basic_auth_pass: str = Field("", alias="BASIC_AUTH_PASS", description="password of that user")
    url: str = Field("", description="URL at which Label Studio reaches the backend; empty: http://HOST:PORT")
    host: str = Field("127.0.0.1", description="address that the backend listens on")
    port: int = Field(9090, ge=1, le=65535, description="port that the backend listens on")
    interactive_url: str = Field("", description="ML backend that answers click tools; empty: this backend does")
    web_workers: int | None = Field(
        None, ge=1, description="gunicorn processes, each with a detector in memory; empty: 2 from 8 GB on, else 1"
    )
    default_workers: int = Field(2, ge=1, description="number of RQ workers for all jobs except trainings")
    redis_url: str = Field("", description="Redis to use; empty: an embedded one under LOOP_HOME")
    database_url: str = Field("", description="SQLAlchemy URL of the records; empty: SQLite under LOOP_HOME")
    store: str = Field(
        "", description="store of the files of several machines, such as s3://bucket/folder; empty: LOOP_HOME"
    )
    model_name: str = Field("yolo_detector", description="model name: the part of a version before the @")
    base_weights: str = Field("yolo11n.pt", description="weights that serve and are trained first: a path or a name")
    train_weights: str = Field("yolo11n.pt", description="weights that are trained first where those are prompted")
    prompts: str = Field("", description="YAML file with the texts of labels for prompted weights; empty: label names")
    device: str = Field("", description="cpu or the number of a GPU; 0,1 trains on two GPUs; empty: the best device")
    export: Literal["auto", "fp32", "none"] = Field(
        "auto",
        description="exports for a CPU: auto (in 8 bits where not worse), fp32, or none (trained weights serve)",
    )
    image_size: int | None = Field(
        None,
        ge=32,
        le=8192,
        multiple_of=32,
        description="longer image side in pixels, for trainings and new weights; empty: as the weights were trained",
    )
    epochs: int = Field(50, ge=1, description="epochs per training")
    batch: int = Field(16, ge=1, description="images a batch of a training, at most")
    least_steps: int = Field(500, ge=0, description="least optimizer steps of a training, in batches of 4 or more")
    freeze: int = Field(0, ge=0, description="number of first layers that a training freezes")
    retrain_after: int = Field(50, ge=1, description="number of new reviews that starts a training")
    cool_down: Seconds = Field(0.0, ge=0, description="least seconds between two trainings that reviews start")
    held_out_share: float = Field(0.2, gt=0, lt=1, description="share of reviewed tasks in the held-out split")
    group_field: str = Field("", description="task data field; tasks with the same value stay on one side of the split")
    twin_bits: int = Field(
        4, ge=-1, le=10, description="most bits (of 64) in which two near-duplicate images differ; -1 turns this off"
    )
    twin_cosine: float = Field(
        0.95,
        ge=0,
        le=1,
        description="least cosine of two near-duplicate images, not with yolo: vectors; 0 turns this off",
    )
    background_share: float = Field(0.1, ge=0, le=1, description="largest share of training images without any box")
    tile: int = Field(0, ge=0, le=8192, multiple_of=32, description="side of the tiles of images, in pixels; 0: none")
    tile_overlap: float = Field(0.2, ge=0.05, le=0.5, description="share of a tile that its neighbour shows too")
    replay_share: float = Field(
        1.0, ge=0, le=1, description="share of the champion's training tasks that are trained on again"
    )
    train_on_accepted: bool = Field(False, description="also train on tasks that `loop accept` accepted")
    gate_confidence: float = Field(
        0.95, gt=0, lt=1, description="confidence, required to serve, that a candidate is better"
    )
    gate_class_drop: float = Field(0.1, ge=0, le=1, description="largest drop in AP allowed on a class")
    gate_latency_ratio: float = Field(
        1.5, gt=0, description="largest ratio of the candidate's time per image to the champion's"
    )
    gate_images: int = Field(10, ge=0, description="number of held-out images below which a person decides")
    gate_boxes: int = Field(30, ge=0, description="number of held-out boxes below which a person decides")
    score_floor: float = Field(0.05, gt=0, lt=1, description="least confidence of a detection that is logged")
    score_threshold: float = Field(
        0.25, ge=0, le=1, description="least confidence of a box shown, unless the label config sets it"
    )
    queue_order: Literal["product", "per_box", "weak_classes", "least", "mean", "entropy", "margin", "random"] = Field(
        "product", description="score by which tasks are ordered, from the next version on"
    )
    audit_share: float = Field(
        0.05, ge=0, le=1, description="share of tasks in the audit stream, regardless of their score"
    )
    known_share: float = Field(
        0.0, ge=0, le=0.5, description="share of tasks that have a known answer and are shown to annotators again"
    )
    cohort_field: str = Field("", description="task data field whose values are the cohorts; empty: no cohorts")
    image_bytes: int = Field(50_000_000, gt=0, description="largest image file that is read, in bytes")
    image_pixels: int = Field(100_000_000, gt=0, le=1 << 30, description="largest image that is decoded, in pixels")
    image_memory: int | None = Field(
        None,
        ge=64_000_000,
        description="bytes of images and requests in memory at a time, in each process; empty: a share of the memory",
    )
    image_seconds: Seconds = Field(20.0, gt=0, description="longest wait for one image, in seconds")
    allow_private_addresses: bool = Field(False, description="also read task images from private addresses")
    notify_urls: str = Field("", description="webhook URLs that receive notices, comma-separated")
    notify_secret: str = Field("", description="key that signs notices: any text; empty: derived from the webhook key")
    embedder: str = Field(
        "",
        description="efficientnet:, yolo:, open_clip:MODEL/TAG-OR-PATH, open_clip:FOLDER or none; empty: the default",
    )
    match_seconds: Seconds = Field(
        0.5, ge=0, description="seconds that /predict may spend on labels by references and on matches; 0: neither"
    )
    discover_every: int = Field(
        86_400, ge=0, description="seconds between discoveries of clusters of the unknown; 0: only by hand"
    )
    keep_predictions: Seconds = Field(
        600.0, ge=-1, description="seconds that predictions of old versions stay on tasks nobody began; -1: for ever"
    )
    spread: bool = Field(True, description="spread the queue over groups of similar tasks")
    event_days: int = Field(30, ge=1, le=MOST_DAYS, description="days that processed events stay in the records")
    notice_days: int = Field(30, ge=1, le=MOST_DAYS, description="days that finished deliveries and their notices stay")
    prediction_days: int = Field(
        90, ge=1, le=MOST_DAYS, description="days that the boxes of a replaced prediction that nobody reviewed stay"
    )
    run_days: int = Field(30, ge=1, le=MOST_DAYS, description="days that the folder of a training stays after its end")
    snapshot_days: int = Field(30, ge=1, le=MOST_DAYS, description="days that a snapshot without a version stays")
    image_days: int = Field(30, ge=1, le=MOST_DAYS, description="days that a cached image without a review stays")
    keep_weights: int | None = Field(
        None, ge=1, description="number of newest versions whose weights stay, beside those that may serve; empty: all"
    )
    milvus_uri: str = Field(
        "", description="Milvus to use, in a database of its own; empty: an embedded one under LOOP_HOME"
    )
    webhook_secret: str = Field(
        "", description="key that webhook secrets and logins follow from; empty: generated once, in the records"
    )

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, host: str) -> str:
        """Remove the brackets that an IPv6 address has in a URL."""
        return host.strip("[]")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        """Make the folder absolute and expand `~`, which no shell expands in a file of variables."""
        return Path(os.path.expanduser(home)).absolute()  # noqa: PTH111 (pathlib's own fails for an unknown user)

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the environment, or *environment* instead. Raises PayloadError with the name of the wrong variable."""
        variables = os.environ if environment is None else environment
        given = {}
        for name, variable in cls.variables().items():
            raw = variables.get(variable, "")
            text = strip_folder(raw) if name == "home" else strip_text(raw, may_be_quoted=name not in PASSWORDS)
            if text:
                given[name] = text
        try:
            settings = cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors()[0]
            variable = cls.variables().get(str(first["loc"][0]), str(first["loc"][0]))
            raise PayloadError(variable, first["msg"].removeprefix("Input should be "), first["input"]) from None
        names = ("label_studio_url", "url", "interactive_url", "host", "model_name", "device")
        texts = {cls.variables()[name]: getattr(settings, name) for name in names}
        login, key = (settings.basic_auth_user, settings.basic_auth_pass), settings.label_studio_api_key
        if problem := find_problem(login, key, texts):
            raise PayloadError(*problem)
        return settings

    def secrets(self) -> set[str]:
        """Return the secrets in the settings: keys, passwords, and values derived from them."""
        login = f"{self.basic_auth_user}:{self.basic_auth_pass}"
        values = {
            *(self.label_studio_api_key, self.basic_auth_pass, self.notify_secret, self.webhook_secret),
            base64.b64encode(login.encode()).decode() if self.basic_auth_pass else "",
            "" if self.webhook_secret else read_key(self.home),
        }
        urls = (self.label_studio_url, self.url, self.interactive_url, *self.receivers)
        for address in (self.redis_url, self.database_url, self.milvus_uri, self.store, *urls):
            values |= secrets_in(address)
        return values - {""}

    @property
    def backend_url(self) -> str:
        """URL at which Label Studio reaches the backend."""
        return (self.url or self.local_url).rstrip("/")

    @property
    def local_url(self) -> str:
        """URL of the backend on this machine, also if it listens on all addresses."""
        own = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
        return f"http://{own.get(self.host, host_in_url(self.host))}:{self.port}"

    @property
    def listens_at(self) -> str:
        """Host and port that the backend listens on."""
        return f"{host_in_url(self.host)}:{self.port}"

    @property
    def receivers(self) -> tuple[str, ...]:
        """URLs that receive notices."""
        return tuple(url.strip() for url in self.notify_urls.split(",") if url.strip())

    @property
    def redis(self) -> str:
        """URL of Redis: by default a socket under LOOP_HOME, which every command on this machine finds."""
        return self.redis_url or redis_server.url(self.redis_folder)

    @property
    def redis_folder(self) -> Path:
        """Folder of the embedded Redis: its data and its socket."""
        return self.home / "redis"

    @property
    def milvus_folder(self) -> Path:
        """Folder of the embedded Milvus: its data and its socket."""
        return self.home / "milvus"

    @property
    def database(self) -> str | URL:
        """URL of the records: by default SQLite under LOOP_HOME."""
        return self.database_url or URL.create("sqlite", database=str(self.home / "loop.sqlite3"))
