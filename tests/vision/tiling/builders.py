"""Images of plain rectangles, and detectors that see them."""

import numpy as np

from loop.regions import Box
from loop.vision.detector import RawDetections
from loop.vision.tiling.tiles import Tile


def rows(boxes):
    """Rows of boxes (left, top, right, bottom, class id), in pixels, each as sure as the others."""
    return np.array([[*box[:4], 0.5, box[4]] for box in boxes], float).reshape(-1, 6)


def look_perfectly(tile: Tile, boxes):
    """The rows that a detector without mistakes finds on a tile: the part of each box that is on it."""
    shown = rows(boxes)
    shown[:, [0, 2]] = shown[:, [0, 2]].clip(tile.left, tile.right)
    shown[:, [1, 3]] = shown[:, [1, 3]].clip(tile.top, tile.bottom)
    return shown[(shown[:, 2] > shown[:, 0]) & (shown[:, 3] > shown[:, 1])]


def paint(size, boxes):
    """An image of a *size* (width, height): each box has a colour of its own, and none lies on another."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for number, (left, top, right, bottom) in enumerate(boxes, start=1):
        image[top:bottom, left:right] = (number % 256, number // 256, 255)
    return image


class SeesColours:
    """Finds each colour on an image once, with the box around it; as a runtime does, boxes are rounded."""

    class_names = ("thing",)
    image_size = 640
    at_once = 1

    def __init__(self):
        self.sizes = []

    def detect(self, images, floor):
        return [self.look(image, floor).name(self.class_names) for image in images]

    def look(self, image, floor, *, is_multi_label=False):
        height, width = image.shape[:2]
        self.sizes.append((width, height))
        number = image[:, :, 0] + 256 * image[:, :, 1].astype(int)
        boxes = []
        for one in np.unique(number[image[:, :, 2] > 0]):  # red stands for an object
            ys, xs = np.nonzero(number == one)
            boxes.append([xs.min() / width, ys.min() / height, (xs.max() + 1) / width, (ys.max() + 1) / height])
        box = np.round(np.array(boxes).reshape(-1, 4), 4)
        return RawDetections(box, np.zeros(len(box), int), np.full(len(box), 0.5))


def fractions(box, size):
    """A box in pixels as fractions of an image."""
    return Box(box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1])
