"""Grouping rules of the user: read, matched, suggested from what people did, and tried on the stored history."""
