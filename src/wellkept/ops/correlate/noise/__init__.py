"""Noise: what is held back from people, why, and until when."""
