"""The upright box around a brush stroke, from the run-length code that Label Studio keeps it in. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from loop.regions import Box

LONGEST = 1_000_000  # bytes of code: reading them takes some seconds
CHANNELS = 4  # red, green, blue, alpha; what is painted has an alpha


def painted(rle: object, width: int, height: int) -> Box:
    """
    Return the box around the painted pixels of an image of *width* by *height*, in fractions of it.

    The code is that of https://github.com/thi-ng/umbrella (rle-pack), of all pixels row by row. Nothing of the image's
    size is allocated, whatever the code claims. Raises ValueError where it is none for that image, or nothing is
    painted.
    """
    if not isinstance(rle, list) or len(rle) > LONGEST:
        raise ValueError(f"expected its code, a list of at most {LONGEST} bytes")
    try:
        code = bytes(rle)
    except TypeError as error:
        raise ValueError("expected a code of bytes") from error
    left, top, right, bottom = width, height, -1, -1
    for start, end in _runs(code, width * height * CHANNELS):
        first, last = start // CHANNELS, (end - CHANNELS) // CHANNELS  # pixels whose alpha is in the run
        if first > last:
            continue
        is_one_row = first // width == last // width
        left = min(left, first % width if is_one_row else 0)
        right = max(right, last % width if is_one_row else width - 1)
        top, bottom = min(top, first // width), max(bottom, last // width)
    if right < 0:
        raise ValueError("nothing is painted")
    return Box(left / width, top / height, (right + 1) / width, (bottom + 1) / height)


def _runs(code: bytes, expected: int) -> Iterator[tuple[int, int]]:
    """The runs of values that are not zero, each by its first value and the one after its last."""
    bits = _Bits(code)
    count, word = bits.read(32), bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    if count != expected:
        raise ValueError(f"its code has {count} values, the image {expected}")
    at = 0
    while at < count:
        is_run = bits.read(1)
        end = min(count, at + 1 + bits.read(sizes[bits.read(2)]))
        if is_run:
            if bits.read(word):
                yield at, end
            at = end
            continue
        while at < end:
            if bits.read(word):
                yield at, at + 1
            at += 1


class _Bits:
    """Reads numbers of so many bits out of bytes, the most significant bit first."""

    def __init__(self, code: bytes) -> None:
        self._code, self._at = code, 0

    def read(self, count: int) -> int:
        """Return the next number. Raises ValueError at the end."""
        end = self._at + count
        last = (end + 7) // 8
        if last > len(self._code):
            raise ValueError("its code is cut off")
        number = int.from_bytes(self._code[self._at // 8 : last], "big") >> (last * 8 - end)
        self._at = end
        return number & ((1 << count) - 1)
