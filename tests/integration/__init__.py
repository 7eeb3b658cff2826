"""Tests on real parts: Label Studio, Valkey, gunicorn, RQ, ultralytics, Chromium."""
