"""A hook of MkDocs: pages that stand outside of docs/ become pages of the site."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
}  # by their name in the site


def on_files(files: Any, config: Any) -> Any:
    """Add these pages, with links as seen from docs/."""
    from mkdocs.structure.files import File

    for name, page in PAGES.items():
        text = (ROOT / name).read_text().replace("](docs/", "](")
        files.append(File.generated(config, page, content=text.replace("](README.md", "](index.md")))
    return files


def on_page_markdown(text: str, **_: Any) -> str:
    """Lead links out of docs/ to the pages that stand in for them."""
    return re.sub(r"\]\(\.\./(README|CONTRIBUTING|CHANGELOG)\.md", lambda link: f"]({PAGES[f'{link[1]}.md']}", text)
