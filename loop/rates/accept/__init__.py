"""
Open tasks whose predictions are accepted as they are, with a bound on their wrong boxes.

Other rooms use: explain, plan, run.
"""
