"""
Keeps the parts of an installation at work.

Other rooms use: keeper, part_states, watch.
"""
