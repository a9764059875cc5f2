"""One file for each thing that is looked at: what was measured, what was allowed, and a sentence for a person.

A check that has nothing to look at fails.
"""
