"""Telling people of incidents: who is told, what, when, and what became of it."""
