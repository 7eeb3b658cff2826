"""The drawings of a report's page: intervals on one scale, and boxes over an image. Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from loop.gate.comparison import Change
from loop.gate.report import Drawn, Picture

WIDTH, HEIGHT = 300, 24  # pixels of an interval
TRUTH, RIGHT, WRONG, QUIET = "#0a7d33", "#1559c7", "#c8380a", "#8a94a3"


def span(changes: Sequence[Change], floor: float) -> float:
    """The difference of AP at the right end of the scale; zero is in the middle."""
    widest = max((abs(end) for change in changes for end in (change.low, change.high, change.lead)), default=0.0)
    return max(widest, floor) * 1.08


def interval(change: Change, reach: float, floor: float) -> str:
    """One difference with its interval; the dashed line is the largest fall allowed."""
    colour = RIGHT if change.low > 0 else WRONG if change.high < 0 else QUIET
    low, high, lead, zero, allowed = (_x(value, reach) for value in (change.low, change.high, change.lead, 0.0, -floor))
    middle = HEIGHT / 2
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{change.lead:+.3f}, from {change.low:+.3f} to {change.high:+.3f}">'
        f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="{HEIGHT}" stroke="#aeb6c2"/>'
        f'<line x1="{allowed:.1f}" x2="{allowed:.1f}" y1="0" y2="{HEIGHT}" stroke="{WRONG}" stroke-dasharray="2 3"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" stroke="{colour}" stroke-width="3" '
        f'stroke-linecap="round" opacity="0.55"/>'
        f'<circle cx="{lead:.1f}" cy="{middle}" r="4.5" fill="{colour}"/></svg>'
    )


def scale(reach: float) -> str:
    """The common scale of all intervals."""
    marks = "".join(
        f'<text x="{_x(value, reach):.1f}" y="11" text-anchor="{anchor}">{value:+.2f}</text>'
        for value, anchor in ((-reach, "start"), (0.0, "middle"), (reach, "end"))
    )
    return f'<svg width="{WIDTH}" height="14" viewBox="0 0 {WIDTH} 14" class="scale">{marks}</svg>'


def image_symbol(picture: Picture, name: str) -> str:
    """The image as a symbol that several panels use."""
    content = base64.b64encode(picture.jpeg).decode()
    size = f'width="{picture.width}" height="{picture.height}"'
    return (
        f'<symbol id="{escape(name)}" viewBox="0 0 {picture.width} {picture.height}">'
        f'<image {size} href="data:image/jpeg;base64,{content}"/></symbol>'
    )


def panel(picture: Picture, name: str, shown: Sequence[Drawn]) -> str:
    """The boxes of one side drawn over the true boxes."""
    coloured = [(drawn, RIGHT if drawn.is_right else WRONG) for drawn in shown]
    outlines = [_outline(drawn, TRUTH, picture, dashed=True) for drawn in picture.truth]
    outlines += [_outline(drawn, colour, picture, dashed=False) for drawn, colour in coloured]
    captions = [_caption(drawn, colour, picture) for drawn, colour in coloured]
    return (
        f'<svg viewBox="0 0 {picture.width} {picture.height}" class="panel">'
        f'<use href="#{escape(name)}"/>{"".join(outlines)}{"".join(captions)}</svg>'
    )


def _x(value: float, reach: float) -> float:
    return 8 + (WIDTH - 16) * (value + reach) / (2 * reach)


def _outline(drawn: Drawn, colour: str, picture: Picture, *, dashed: bool) -> str:
    box = drawn.box
    place = (
        f'x="{box.x0 * picture.width:.1f}" y="{box.y0 * picture.height:.1f}" '
        f'width="{(box.x1 - box.x0) * picture.width:.1f}" height="{(box.y1 - box.y0) * picture.height:.1f}" fill="none"'
    )
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    title = f"<title>{escape(drawn.label)}{'' if drawn.confidence is None else f' {drawn.confidence:.2f}'}</title>"
    return (
        f'<rect {place} stroke="#fff" stroke-width="3.5" opacity="0.75"/>'
        f'<rect {place} stroke="{colour}" stroke-width="2"{dash}>{title}</rect>'
    )


def _caption(drawn: Drawn, colour: str, picture: Picture) -> str:
    text = f"{drawn.label} {drawn.confidence or 0:.2f}"
    width = 7.6 * len(text) + 8
    left = min(max(0.0, drawn.box.x0 * picture.width), max(0.0, picture.width - width))
    top = max(0.0, drawn.box.y0 * picture.height - 19)
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="18" fill="{colour}" opacity="0.9"/>'
        f'<text x="{left + 4:.1f}" y="{top + 13.5:.1f}" fill="#fff" font-size="14">{escape(text)}</text>'
    )
