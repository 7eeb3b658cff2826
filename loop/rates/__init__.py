"""
The rates of verdicts over time, their intervals, and alerts.

Other rooms use: alerts, assess, compare_shadow, intervals, measure_costs, post_alerts, rates, review_times,
review_work, room, shadow_store, store, verdict_costs.
"""
