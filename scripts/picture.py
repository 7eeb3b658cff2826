"""Draw docs/loop.svg, the loop in one picture: `python -m scripts.picture`; a test compares the file with this."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "docs" / "loop.svg"
WIDTH, HEIGHT = 960, 520
BOX_WIDTH, BOX_HEIGHT, LINE = 210, 76, 19
STYLE = """
    text { font: 15px system-ui, sans-serif; fill: #1c2430; text-anchor: middle }
    .title { font-weight: 600 }
    .note { font-size: 13px; fill: #51606f }
    .box { fill: #eef3f8; stroke: #7b8ea3 }
    .person { fill: #fdf1dc; stroke: #c58b2a }
    .rule { fill: #e3f3e6; stroke: #4a9a5b }
    .arrow { fill: none; stroke: #51606f; stroke-width: 1.6; marker-end: url(#head) }
    #head path { fill: #51606f }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6ebf1 }
      .note { fill: #a9b6c4 }
      .box { fill: #263445; stroke: #6f86a0 }
      .person { fill: #47371a; stroke: #d6a549 }
      .rule { fill: #1e3a27; stroke: #63b777 }
      .arrow { stroke: #a9b6c4 }
      #head path { fill: #a9b6c4 }
    }
"""


@dataclass(frozen=True)
class Node:
    """A box with a title and a line below it, by its middle."""

    x: int
    y: int
    title: str
    line: str
    kind: str = "box"


NODES = {
    "detector": Node(150, 80, "Detector", "predicts open tasks"),
    "queue": Node(480, 80, "Label Studio's queue", "least certain tasks first"),
    "person": Node(810, 80, "Annotator", "confirms, corrects, adds", "person"),
    "verdicts": Node(810, 240, "Verdicts and rates", "what was right, what was not"),
    "dataset": Node(810, 400, "Dataset", "a frozen held-out split"),
    "training": Node(480, 400, "Training", "on all reviews"),
    "gate": Node(150, 400, "Gate", "better on held-out images?", "rule"),
    "references": Node(480, 240, "References", "vectors of reviewed boxes"),
    "clusters": Node(150, 240, "Clusters", "of what matches nothing"),
}
ARROWS = (
    ("detector", "queue", "boxes"),
    ("queue", "person", ""),
    ("person", "verdicts", "reviews"),
    ("verdicts", "dataset", ""),
    ("dataset", "training", ""),
    ("training", "gate", "candidate"),
    ("verdicts", "references", ""),
    ("references", "clusters", ""),
)


def draw() -> str:
    """Return the picture as SVG."""
    title = "The loop: predictions, reviews, verdicts, datasets, trainings, the gate; references and clusters beside it"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"  <title>{escape(title)}</title>",
        f"  <style>{STYLE}  </style>",
        '  <defs><marker id="head" markerWidth="9" markerHeight="9" refX="8" refY="4.5" orient="auto">',
        '    <path d="M0 0 L9 4.5 L0 9 z"/></marker></defs>',
        *(_arrow(*arrow) for arrow in ARROWS),
        *_ways_back(),
        *(_box(node) for node in NODES.values()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _box(node: Node) -> str:
    left, top = node.x - BOX_WIDTH // 2, node.y - BOX_HEIGHT // 2
    return (
        f'  <rect class="{node.kind}" x="{left}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="10"/>'
        f'<text class="title" x="{node.x}" y="{node.y - 4}">{escape(node.title)}</text>'
        f'<text class="note" x="{node.x}" y="{node.y + LINE - 3}">{escape(node.line)}</text>'
    )


def _arrow(start: str, end: str, word: str) -> str:
    a, b = NODES[start], NODES[end]
    step = (b.x > a.x) - (b.x < a.x), (b.y > a.y) - (b.y < a.y)
    x0, y0 = a.x + step[0] * BOX_WIDTH // 2, a.y + step[1] * BOX_HEIGHT // 2
    x1, y1 = b.x - step[0] * (BOX_WIDTH // 2 + 3), b.y - step[1] * (BOX_HEIGHT // 2 + 3)
    away = (0, -8) if step[0] else (34, 4)
    text = _note((x0 + x1) // 2 + away[0], (y0 + y1) // 2 + away[1], word) if word else ""
    return f'  <path class="arrow" d="M{x0} {y0} L{x1} {y1}"/>{text}'


def _ways_back() -> tuple[str, ...]:
    """Return the two arrows that close the loop: a version that is better, and a category that a person named."""
    left, bottom = NODES["gate"].x - BOX_WIDTH // 2, NODES["gate"].y + BOX_HEIGHT // 2
    better = f"M{left} {NODES['gate'].y} H22 V{NODES['detector'].y} H{left - 3}"
    top = NODES["clusters"].y - BOX_HEIGHT // 2
    named = f"M{NODES['clusters'].x + 60} {top} V160 H{NODES['queue'].x} V{NODES['queue'].y + BOX_HEIGHT // 2 + 3}"
    return (
        f'  <path class="arrow" d="{better}"/>' + _note(NODES["gate"].x, bottom + 22, "yes: it serves, and open tasks"),
        "  " + _note(NODES["gate"].x, bottom + 40, "are predicted anew"),
        "  " + _note(NODES["gate"].x, bottom + 62, "no: the version before stays"),
        f'  <path class="arrow" d="{named}"/>' + _note(345, 152, "a person names one: a new label"),
    )


def _note(x: int, y: int, word: str) -> str:
    return f'<text class="note" x="{x}" y="{y}">{escape(word)}</text>'


if __name__ == "__main__":
    FILE.write_text(draw())
