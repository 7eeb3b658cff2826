"""The real embedders of an installation, whose image encoders all tests of a process share."""

from loop.vision.embedders import read_encoder

LOADED = {}


class SharedEmbedders:
    """Keeps an image encoder in memory once a test has loaded it: that takes longer than most of what it embeds."""

    def __init__(self, embedders):
        self._embedders = embedders

    def __getattr__(self, name):
        return getattr(self._embedders, name)

    def load(self, space, weights, image_size=None):
        if read_encoder(self.setting) is None:
            return self._embedders.load(space, weights, image_size)
        known = self.setting, space
        if known not in LOADED:
            LOADED[known] = self._embedders.load(space, weights, image_size)
        return LOADED[known]
