"""
Keeps the parts of an installation at work.

Other rooms use: keeper, lease, part_states, watch.
"""
