"""A randomized matrix of endings: what a job does, what is done to it, when, and under which settings.

jobs.py is the table of behaviours, plan.py draws a run, truth.py says which endings would be true, play.py plays it.
"""
