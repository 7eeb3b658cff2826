"""Text encoders of prompted detectors, from TorchScript files; used once for each new prompt, never to serve."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.errors import WeightsRefused
from loop.failures import describe_error
from loop.vision.ultralytics_setup import repeat_arithmetic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = 80  # texts at a time
CLIP, MOBILE_CLIP, MOBILE_CLIP_2 = "clip:ViT-B/32", "mobileclip:blt", "mobileclip2:b"  # as ultralytics names them


@dataclass(frozen=True, slots=True)
class EncoderFile:
    """The file of a text encoder, and where it is published."""

    name: str
    source: str


FILES = {
    CLIP: EncoderFile(
        "ViT-B-32.pt",
        "https://openaipublic.azureedge.net/clip/models/"
        "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af/ViT-B-32.pt",
    ),
    MOBILE_CLIP: EncoderFile("mobileclip_blt.ts", "https://github.com/ultralytics/assets/releases"),
    MOBILE_CLIP_2: EncoderFile("mobileclip2_b.ts", "https://github.com/ultralytics/assets/releases"),
}


class TextEncoder:
    """A text encoder in memory."""

    def __init__(self, kind: str, file: Path) -> None:
        """Load the file of an encoder of a *kind* in FILES. Raises WeightsRefused."""
        import torch

        self.kind = kind
        try:
            with warnings.catch_warnings(action="ignore"):  # torch says that TorchScript is old; the encoders are
                network: Any = torch.jit.load(str(file), map_location="cpu")  # type: ignore[no-untyped-call]
            self._encode = network.encode_text if kind == CLIP else network
        except Exception as error:  # torch may raise anything for a file that is no TorchScript
            known = FILES[kind]
            refusal = f"no text encoder that can be loaded ({describe_error(error)})"
            raise WeightsRefused(file, refusal, f"get {known.name} from {known.source}") from error

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vector of each text, of length 1: (texts, dimensions). Raises WeightsRefused."""
        import numpy as np
        import open_clip
        import torch

        vectors = []
        with torch.inference_mode():
            repeat_arithmetic()
            for start in range(0, len(texts), BATCH):
                tokens = open_clip.tokenize(list(texts[start : start + BATCH]))
                vectors.append(self._encode(tokens).float().cpu().numpy())
        joined: NDArray[np.float32] = np.concatenate(vectors).astype(np.float32)
        lengths = np.linalg.norm(joined, axis=1, keepdims=True)
        if not np.isfinite(joined).all() or not lengths.all():
            kind = "a text encoder that gives vectors that are not numbers, or are zero"
            raise WeightsRefused(FILES[self.kind].name, kind, "copy or download it again")
        return np.asarray(joined / lengths, np.float32)
