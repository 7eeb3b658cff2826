"""
Reviews that programs create, update and delete in bulk.

Other rooms use: file, operations, run.
"""
