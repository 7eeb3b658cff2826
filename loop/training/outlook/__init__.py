"""Forecasts of what more labelled images bring."""
