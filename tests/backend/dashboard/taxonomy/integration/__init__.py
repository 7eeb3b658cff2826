"""Tests on real servers and networks."""
