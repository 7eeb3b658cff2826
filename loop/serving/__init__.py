"""
Predictions: made, logged, ordered by uncertainty, and kept up to date in Label Studio.

Other rooms use: log_search, pre_annotate, predict, predictor, queue, queue_groups, queue_order, reference_labels,
refresh, retire, room, shadow, shares, store, tidy, write_groups.
"""
