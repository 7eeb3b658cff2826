"""
The taxonomy: detections matched to categories by their nearest references.

Other rooms use: calibration, editing, label_pass_store, manage, match, match_request, match_store, pages,
reapply, recorded_matches, room, run, store, taxonomy, taxonomy_yaml, voting.
"""
