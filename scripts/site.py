"""Build the site of the docs, strictly: `python -m scripts.site FOLDER`, by default site/."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scripts import setup


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site in *folder*; the output names each link that leads nowhere, and the exit status is not 0 then."""
    program = setup.tools_folder() / "bin" / "mkdocs"
    command = [str(program), "build", "--strict", "--clean", "--site-dir", str(folder)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # the theme's advertisement for its successor
    return subprocess.run(command, cwd=setup.ROOT, env=quiet, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "site").absolute()
    built = build(target)
    if built.returncode:
        sys.exit(built.stdout + built.stderr)
    print(target / "index.html")
