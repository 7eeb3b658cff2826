"""
Boxes of a project for people to look at: as crops, by class, confidence, suspicion or likeness.

Other rooms use: pictures, room.
"""
