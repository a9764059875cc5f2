"""Entities, findings, incidents, plans, the audit log and the model registry, in SQL."""
