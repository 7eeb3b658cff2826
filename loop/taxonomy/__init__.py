"""
The taxonomy: detections matched to categories by their nearest references.

Other rooms use: calibration, manage, match, match_request, match_store, reapply, recorded_matches, room, store,
taxonomy, taxonomy_yaml, voting.
"""
