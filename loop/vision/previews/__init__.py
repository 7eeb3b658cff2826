"""Small pictures of boxes and of images, for people to look at."""
