"""The store of files that all machines of an installation reach (LOOP_STORE); LOOP_HOME is its cache."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.errors import LoopError, PayloadError, StoreDown
from loop.printable import shorten
from loop.secrecy import add_secret, redact
from loop.storage.files import PREFIX, name_full_disk, sha256_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

MARK = "installation.id"  # the file that tells the files of one installation from those of another
ATOMIC = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")  # where an object appears whole, or not at all
REPLACES = ("file", "local", "sftp", "ssh")  # where a file gets the name of another one in one step
PATIENCE = {"connect_timeout": 3, "read_timeout": 30, "retries": {"max_attempts": 2}}  # seconds; s3fs tries again too
OPTIONS: dict[str, dict[str, Any]] = {"s3": {"config_kwargs": PATIENCE}, "s3a": {"config_kwargs": PATIENCE}}
TIMES = ("LastModified", "last_modified", "mtime")  # of S3, Azure and Google in a listing: asked for, each is a request
SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")  # credentials that s3fs reads from the environment


class FileStore:
    """
    Files in the store under the paths that they have below *home*. With an empty *address* there is no store: nothing
    is copied, and nothing is found.

    A file appears in the store whole or not at all. After a kill the store has the old file or the new one, or none if
    it cannot replace a file in one step. Every method raises StoreDown if the store fails.
    """

    def __init__(self, home: Path, address: str = "") -> None:
        self._home, self._address = home, address
        self.place = redact(address)
        if address and not address.partition("://")[2]:  # else fsspec takes it for a path on this machine
            raise PayloadError("LOOP_STORE", "an address such as s3://bucket/folder", self.place)
        self._opened: tuple[int, AbstractFileSystem, str] | None = None
        for name in SECRETS:
            add_secret(os.environ.get(name, ""))

    @property
    def is_used(self) -> bool:
        """Whether the files of the installation are in a store."""
        return bool(self._address)

    def put(self, source: Path, path: Path | None = None) -> None:
        """Put a file under its path, or under another *path*; a file that is there is replaced."""
        if not self.is_used:
            return
        with self._reach() as (files, root):
            target = f"{root}/{self._key(path or source)}"
            if self._scheme in ATOMIC:
                files.put_file(str(source), target)
                return
            if not files.exists(f"{root}/{MARK}"):  # the folder would be made anew on a disk of this machine
                raise self._down(f"it has no {MARK}: is it mounted?")
            folder = target.rpartition("/")[0]
            scratch = f"{folder}/{PREFIX}{secrets.token_hex(8)}"
            files.makedirs(folder, exist_ok=True)
            try:
                files.put_file(str(source), scratch)
                if self._scheme not in REPLACES and files.exists(target):
                    files.rm_file(target)
                files.mv(scratch, target)
            except Exception:
                with suppress(Exception):  # what was written of it: a full disk would get fuller with each try
                    files.rm_file(scratch)
                raise

    def get(self, path: Path, into: Path | None = None, *, sha256: str = "") -> bool:
        """
        Bring a file to its path, or *into* another one, whole or not at all; return whether the store has it.

        Raises PayloadError, and leaves nothing, where its content has another *sha256* than the given one.
        """
        if not self.is_used:
            return False
        target = into or path
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_name(f".{secrets.token_hex(8)}.half")
        try:
            with self._reach(may_lack=True) as (files, root), name_full_disk(target):
                files.get_file(f"{root}/{self._key(path)}", str(half))
            if sha256 and sha256 != (found := sha256_of(half)):
                where = f"{self._key(path)} in LOOP_STORE {self.place}"
                raise PayloadError(where, f"the SHA-256 {sha256}", f"damaged content, {found}")
            half.replace(target)
        except FileNotFoundError:
            return False
        finally:
            half.unlink(missing_ok=True)
        return True

    def list(self, folder: Path, *, is_deep: bool = False) -> dict[Path, datetime]:
        """Return the files in a folder, if *is_deep* also those below it, each with the time when it was put."""
        if not self.is_used:
            return {}
        with suppress(FileNotFoundError), self._reach(may_lack=True) as (files, root):
            start = f"{root}/{self._key(folder)}"
            listed = files.find(start, detail=True).values() if is_deep else files.ls(start, detail=True)
            return {
                folder / facts["name"].removeprefix(start).lstrip("/"): _read_time(facts)
                or files.modified(facts["name"])
                for facts in listed
                if facts["type"] == "file"
            }
        return {}

    def delete(self, path: Path) -> None:
        """Remove a file; it is no error if the file is gone already."""
        if self.is_used:
            with suppress(FileNotFoundError), self._reach(may_lack=True) as (files, root):
                files.rm_file(f"{root}/{self._key(path)}")

    def read_mark(self) -> str:
        """Return the id of the installation whose files these are; empty where there is none."""
        with suppress(FileNotFoundError), self._reach(may_lack=True) as (files, root):
            return bytes(files.cat_file(f"{root}/{MARK}")).decode(errors="replace").strip()
        return ""

    def write_mark(self, own: str) -> None:
        """Record whose files these are."""
        with self._reach() as (files, root):
            self._make_root(files, root)
            files.pipe_file(f"{root}/{MARK}", f"{own}\n".encode())

    def check(self) -> None:
        """Write a small file and remove it again. Raises StoreDown."""
        if self.is_used:
            with self._reach() as (files, root):
                self._make_root(files, root)
                name = f"{root}/{PREFIX}{secrets.token_hex(8)}"
                files.pipe_file(name, b"check")
                files.rm_file(name)

    def _down(self, reason: str) -> StoreDown:
        return StoreDown(f"LOOP_STORE {self.place} does not do its work: {shorten(reason, 300)}")

    @property
    def _scheme(self) -> str:
        return self._address.partition("://")[0]

    def _make_root(self, files: AbstractFileSystem, root: str) -> None:
        if self._scheme not in ATOMIC:
            files.makedirs(root, exist_ok=True)

    def _key(self, path: Path) -> str:
        return path.relative_to(self._home).as_posix()

    @contextmanager
    def _reach(self, *, may_lack: bool = False) -> Iterator[tuple[AbstractFileSystem, str]]:
        """Yield the file system and a folder in it. Raises StoreDown; FileNotFoundError where it *may lack* a file."""
        try:
            if self._opened is None or self._opened[0] != os.getpid():  # its threads do not survive a fork
                from fsspec.core import url_to_fs

                options = OPTIONS.get(self._scheme, {})
                files, root = url_to_fs(self._address, use_listings_cache=False, **options)
                self._opened = os.getpid(), files, root.rstrip("/")
            yield self._opened[1:]
        except LoopError:
            raise
        except Exception as error:  # each of fsspec's file systems raises errors of its own
            if may_lack and isinstance(error, FileNotFoundError):
                raise
            raise self._down(f"{type(error).__name__}: {error}") from error


def _read_time(facts: Mapping[str, Any]) -> datetime | None:
    """Return the time of a file where a listing has it."""
    return next((facts[name] for name in TIMES if isinstance(facts.get(name), datetime)), None)
