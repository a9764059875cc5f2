"""Retraining: decide whether a model should be trained again, hold it, or leave it alone."""
