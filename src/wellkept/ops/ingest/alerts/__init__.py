"""Alerts that other monitoring raised, in the formats that it sends."""
