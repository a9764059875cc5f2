"""Training data: loaded by the project's code in its own process, kept as a snapshot under its digest."""
