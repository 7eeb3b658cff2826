"""Detectors on a CPU by OpenVINO, without torch: the exported file, and the steps before and after the network."""
