"""What is usual of every series at once: streaming state in arrays, and how unusual the newest values are."""
