"""
Clusters of detections that no category matches, for a person to name or dismiss.

Other rooms use: cluster_policy, cluster_record, cluster_store, decide, discover, pages, picture_folder, pictures, room,
undo, unknown_store.
"""
