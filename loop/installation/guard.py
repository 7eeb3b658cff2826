"""The process that outlives a killed `loop up`, to end all that it started; run by `python -m`."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass

from loop import process_table as processes

PATIENCE = 3.0  # seconds to write down what is in memory


@dataclass
class Guard:
    """Holds one end of a pipe; the guard sees it closed when this process ends, however it ends."""

    run: str
    process: subprocess.Popen[bytes] | None = None

    def is_alive(self) -> bool:
        """Whether the guard's process runs."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it, or start it again, in a session of its own, where no signal of a terminal reaches it."""
        command = [sys.executable, "-m", "loop.installation.guard", self.run]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def stop(self) -> None:
        """Let it see that there is nothing left, and end."""
        if self.process and self.process.stdin:
            with suppress(OSError):
                self.process.stdin.close()
            self.process.wait()


def main(run: str) -> None:
    """Wait until the other end of standard input is gone, then end every process of *run*."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while sys.stdin.buffer.read(1):
        pass
    processes.end(run, seconds=PATIENCE)


if __name__ == "__main__":
    main(sys.argv[1])
