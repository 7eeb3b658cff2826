"""Detectors on a CPU by OpenVINO: the export from torch, and all that runs without torch around the network."""
