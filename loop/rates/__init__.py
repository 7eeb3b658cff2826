"""
The rates of verdicts over time, their intervals, and alerts.

Other rooms use: accept, alerts, annotators, assess, compare_shadow, confusion, intervals, measure_costs, over_time,
post_alerts, rates, review_times, review_work, room, verdict_costs.
"""
