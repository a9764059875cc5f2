"""Tickets: the one that every incident has, and those that it gets in others' systems."""
