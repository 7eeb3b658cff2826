"""
Measures a candidate version against the champion, and rules whether it may serve.

Other rooms use: compare, comparison, evaluation, evaluator, parity, promote_by_hand, report, report_chart,
report_page, report_store, room, rule, tune.
"""
