"""Large images in tiles: how they are cut, and how the detections of the tiles become those of the image."""
