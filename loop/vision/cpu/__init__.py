"""Detectors on a CPU by OpenVINO: the export from torch, and the detector that runs it without torch."""
