"""
The rates of verdicts over time, their intervals, and alerts.

Other rooms use: alerts, assess, compare_shadow, intervals, post_alerts, rates, review_times, room, shadow_store, store.
"""
