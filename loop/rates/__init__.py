"""The rates of verdicts over time, their intervals, and alerts."""
