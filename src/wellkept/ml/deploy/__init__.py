"""Deployment: which version is live, moved only through the gate."""
