"""
Keeps the parts of an installation at work.

Other rooms use: file_place, keeper, lease, part_states, watch.
"""
