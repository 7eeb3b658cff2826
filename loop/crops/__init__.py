"""
Boxes of a project for people to look at: as crops, by class, confidence, suspicion or likeness.

Other rooms use: find_suspects, grid, pictures, relabel, room, suspect_store, suspicion.
"""
