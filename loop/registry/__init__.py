"""
The versions of a project: weights, aliases, archives, promotion and rollback.

Other rooms use: detectors, export, follow, loaded_version, moves, promote, room, store, transfer, variants,
version_order, weights_files.
"""
