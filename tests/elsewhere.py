"""
Runs `loop` as where there is no POSIX: our own modules get no `fcntl`, and `os` and `signal` as Windows has them.

    python -m tests.elsewhere COMMAND…

Modules of others are left alone: here they are those that were built for Linux.
"""

import builtins
import os
import signal
import subprocess
import sys
import types

MISSING = {"fcntl", "grp", "pwd", "resource", "termios", "tty"}
NAMES = {
    "os": (
        *("chown", "fork", "forkpty", "fchmod", "fchown", "getegid", "geteuid", "getgid", "getpgid", "getpriority"),
        *("getuid", "getloadavg", "killpg", "mkfifo", "nice", "PRIO_PROCESS", "register_at_fork", "sched_getaffinity"),
        *("setpriority", "setsid", "statvfs", "uname", "wait", "WNOHANG"),
    ),
    "signal": ("SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "pthread_kill", "setitimer", "alarm"),
}
real_import = builtins.__import__


def without(module):
    """The module without the names that Windows lacks."""
    lacking = NAMES[module.__name__]
    copy = types.ModuleType(module.__name__)
    vars(copy).update({name: value for name, value in vars(module).items() if name not in lacking})
    return copy


class Tied(types.ModuleType):
    """A `sys` of another platform whose other attributes are those of the real one, also when they change."""

    platform = "win32"

    def __getattr__(self, name):
        return getattr(sys, name)

    def __setattr__(self, name, value):
        setattr(sys, name, value)


COPIES = {"os": without(os), "signal": without(signal), "sys": Tied("sys")}


def import_as_elsewhere(name, scope=None, *rest):
    """Import a module; ours get what Windows has."""
    importer = (scope or {}).get("__name__", "")
    if importer.partition(".")[0] == "loop":
        if name in MISSING:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        if name in COPIES:
            return COPIES[name]
    return real_import(name, scope, *rest)


def loop_elsewhere(home, *arguments):
    """Run a command in a process of its own; return its exit code, and what it prints on stdout and on stderr."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.elsewhere", *map(str, arguments)],
        env={**os.environ, "LOOP_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


if __name__ == "__main__":
    builtins.__import__ = import_as_elsewhere
    from loop.cli.main import run

    sys.exit(run(sys.argv[1:]))
