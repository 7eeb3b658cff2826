"""Draws the crops of a cluster side by side, as a picture. Pure."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

TILE, GAP, TITLE = 96, 4, 22  # pixels
MOST = 60  # crops on a sheet


def contact_sheet(crops: Sequence[Image.Image], title: str, *, columns: int = 10) -> Image.Image:
    """
    Lay the first MOST crops out in rows, each whole within its tile, under a title.

    The medoid comes first and has a frame.
    """
    shown = crops[:MOST]
    columns = max(1, min(columns, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    step = TILE + GAP
    sheet = Image.new("RGB", (max(320, columns * step + GAP), TITLE + rows * step + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    left_out = f" (first {len(shown)})" if len(crops) > len(shown) else ""
    draw.text((GAP, GAP), f"{title}: {len(crops)}{left_out}", fill="black")
    for place, crop in enumerate(shown):
        tile = thumbnail(crop, TILE)
        left, top = GAP + place % columns * step, TITLE + place // columns * step
        sheet.paste(tile, (left + (TILE - tile.width) // 2, top + (TILE - tile.height) // 2))
        if place == 0:
            draw.rectangle((left - 2, top - 2, left + TILE + 1, top + TILE + 1), outline="#e6194b", width=2)
    return sheet


def thumbnail(crop: Image.Image, side: int) -> Image.Image:
    """Scale a crop, up or down, to fit a square; at least one pixel wide and high."""
    scale = side / max(crop.size)
    size = (max(1, round(crop.width * scale)), max(1, round(crop.height * scale)))
    return crop.convert("RGB").resize(size)


def data_uri(crop: Image.Image, side: int = 64, quality: int = 70) -> str:
    """A small JPEG of a crop as a data URI, for embedding in a page."""
    content = io.BytesIO()
    thumbnail(crop, side).save(content, "JPEG", quality=quality)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
