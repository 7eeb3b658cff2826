"""The perceptual hash of an image: the hashes of near-duplicates differ in few bits. Pure."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

SIDE = 32  # pixels of the square that an image is shrunk to before it is hashed
FLAT = 1.0  # grey levels: an image that varies less (RMS, coarse structure only) is blank, and has no hash


def hash_image(grey: NDArray[np.uint8]) -> int | None:
    """
    Return the perceptual hash of an image, 64 bits; None for a flat image, whose bits would be noise.

    *grey* is the image shrunk to (32, 32). A bit says whether one of the 8 x 8 lowest coefficients of its discrete
    cosine transform is above their median (Zauner, Implementation and benchmarking of perceptual image hash functions,
    2010). The mean brightness has no part in it.
    """
    basis = _basis()
    coefficients = (basis @ grey.astype(np.float64) @ basis.T).ravel()
    structure = coefficients[1:]
    if structure @ structure < (FLAT * SIDE) ** 2:
        return None
    bits = coefficients > np.partition(structure, structure.size // 2)[structure.size // 2]
    bits[0] = False
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


@cache
def _basis() -> NDArray[np.float64]:
    """Return the 8 lowest rows of the orthonormal DCT-II matrix."""
    from scipy.fft import dct

    rows: NDArray[np.float64] = dct(np.eye(SIDE), axis=0, norm="ortho")[:8]
    return rows
