"""Options and arguments that many commands share, and where they print."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)

ProjectId = Annotated[int, typer.Option("--project", help="Label Studio's project id.")]
Why = Annotated[str, typer.Option("--why", help="Kept with the move.")]
VersionName = Annotated[str, typer.Argument(help="A version such as yolo_detector@1.2.0, or 1.2.0.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
