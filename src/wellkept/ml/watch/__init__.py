"""Watching: what a deployed model predicts and what came true become findings."""
