"""
The versions of a project: weights, aliases, archives, promotion and rollback.

Other rooms use: detectors, export, export_store, follow, loaded_version, moves, promote, room, store, transfer,
version_order, weights_files.
"""
