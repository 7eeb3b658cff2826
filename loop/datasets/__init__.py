"""
Reviews to immutable YOLO datasets with a frozen held-out split.

Other rooms use: assemble, class_counts, convert, folder, image_vector_store, room, selection, snapshot_store,
snapshots, split_store, splits, survey, tiled, yolo_format.
"""
