"""Networks on a CPU by OpenVINO: exports from torch, detectors and image encoders that run them, and their speed."""
