"""
Label Studio's events to reviews, and reviews to verdicts.

Other rooms use: accepted, bulk, event_store, process_events, review_facts, review_store, room, standing, sync,
verdict_query, verdicts, way_in.
"""
