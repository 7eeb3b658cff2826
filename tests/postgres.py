"""A PostgreSQL server of the tests' own: Debian's, in a temporary folder, on a free port."""

import os
import shutil
import subprocess
import tempfile
import uuid
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from loop.settings import Settings
from loop.storage.database import connect
from loop.wiring import build
from scripts.demo.label_studio import free_port

USER = "loop"
FAST = [f"-c{name}=off" for name in ("fsync", "full_page_writes")]  # a kill loses nothing; a power cut would


class PostgresServer:
    """
    One server; PostgreSQL refuses to run as root, so there it runs as another user.

    `make_database` makes databases, each with all tables and nothing in them: copying is faster than migrating.
    """

    def __init__(self, programs):
        self._programs, self.port = programs, free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="loop-postgres-"))  # pytest's own folders are closed to other users
        self._as_user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._as_user:
            shutil.chown(self.folder, "nobody", "nogroup")
        self._run("initdb", "-D", "data", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")

    def start(self):
        sockets = f"-k {self.folder} -h 127.0.0.1 -p {self.port}"
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", f"{sockets} {' '.join(FAST)}", "start")

    def stop(self, mode="fast"):
        self._run("pg_ctl", "-D", "data", "-w", "-m", mode, "stop")

    def remove(self):
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def url(self, database="postgres"):
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def make_database(self, template="template0"):
        """Make a database and return its address."""
        name = f"loop_{uuid.uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop_database(self, url):
        self._execute(f"DROP DATABASE {sa.make_url(url).database} WITH (FORCE)")

    def _execute(self, statement):
        engine = connect(self.url())
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text(statement))
        engine.dispose()

    def _run(self, program, *arguments):
        command = [self._programs / program, *arguments]
        output = self.folder.with_suffix(".log")  # not a pipe: the server keeps it open
        with output.open("wb") as log:
            done = subprocess.run(command, cwd=self.folder, stdout=log, stderr=log, check=False, **self._as_user)
        text = output.read_text()
        output.unlink()
        assert done.returncode == 0, text


def find_programs():
    """The folder of PostgreSQL's programs, None where it is not installed; Debian has it in no PATH."""
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *map(Path, os.environ.get("PATH", "").split(os.pathsep))]
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


@pytest.fixture(scope="session")
def postgres():
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    server = PostgresServer(programs)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def empty_database(postgres, tmp_path_factory):
    """The name of a database with all tables and nothing in them."""
    url = postgres.make_database()
    home = tmp_path_factory.mktemp("empty-database")
    with closing(build(Settings.read({"LOOP_HOME": str(home), "LOOP_DATABASE_URL": url}), migrate=True)):
        return sa.make_url(url).database


@pytest.fixture
def database(postgres, empty_database):
    """The address of a database of the test's own, with all tables."""
    url = postgres.make_database(empty_database)
    yield url
    postgres.drop_database(url)
