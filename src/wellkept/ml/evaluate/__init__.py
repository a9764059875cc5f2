"""Evaluation: metrics on rows that were not trained on, and the gates of release."""
