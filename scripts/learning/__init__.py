"""Studies: how fast the loop learns, replayed on labelled images with the loop's own code."""
