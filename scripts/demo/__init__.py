"""The demo: a real Label Studio, the real loop, a played annotator and composed scenes."""
