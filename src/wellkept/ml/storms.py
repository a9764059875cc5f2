"""What is a storm of labels, for those who tell it and for those who wait."""

TIMES = 5.0
"""A slice is a storm at so many times the most that any slice before had. Counts by chance never come near."""
FEWEST = 100
AGAIN, SELDOM = 0.5, 0.1
"""Or when this share of its labels are of predictions that have several, and it was seldom so before."""
