"""
The advice that follows from the verdicts on the version that serves.

Other rooms use: none; `assess` has the advice of each group.
"""
