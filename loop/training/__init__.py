"""
Trainings: when one is due, how it runs, and how it fails.

Other rooms use: after_reviews, ask, learning_curve, policy, progress_line, retrain, room, stopwatch, store, tidy,
trainer, version_rows.
"""
