"""
Label Studio's events to reviews, and reviews to verdicts.

Other rooms use: bulk, event_store, operation_store, process_events, review_store, room, set_aside, sync,
verdict_query, verdict_store, verdicts.
"""
