"""The demo: a real Label Studio, the real loop, a simulated annotator and composed scenes."""
