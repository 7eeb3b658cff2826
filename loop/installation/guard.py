"""The process that outlives a killed `loop up`, and ends the processes that it started; run by `python -m`."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass

from loop import process_table as processes

PATIENCE = 3.0  # seconds that a process gets to write its data


@dataclass
class Guard:
    """Starts the guard, and holds one end of a pipe to it: the guard sees the pipe close when this process ends."""

    run: str
    process: subprocess.Popen[bytes] | None = None

    def is_alive(self) -> bool:
        """Whether the guard's process runs."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the guard, or start it again, in its own session: no signal of a terminal reaches it."""
        command = [sys.executable, "-m", "loop.installation.guard", self.run]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def stop(self) -> None:
        """Close the pipe, and wait until the guard has ended."""
        if self.process and self.process.stdin:
            with suppress(OSError):
                self.process.stdin.close()
            self.process.wait()


def main(run: str) -> None:
    """Wait until the other end of standard input is closed, then end every process of *run*."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while sys.stdin.buffer.read(1):
        pass
    processes.end(run, seconds=PATIENCE)


if __name__ == "__main__":
    main(sys.argv[1])
