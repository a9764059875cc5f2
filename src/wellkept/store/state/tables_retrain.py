"""The tables of decisions about retraining, and of what is left out of training; in form as in `tables`."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, String, Table

from wellkept.store.state.columns import Moment, metadata

retrain_decisions = Table(
    "retrain_decisions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("model", String(80), nullable=False),
    Column("at", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("action", String(20), nullable=False),
    Column("body", JSON, nullable=False),
    Index("ix_retrain_decisions_model_until", "model", "until"),
)

training_exclusions = Table(
    "training_exclusions",
    metadata,
    Column("model", String(80), primary_key=True),
    Column("digest", String(80), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("body", JSON, nullable=False),
)
"""Versions of a model's exclusions; the newest counts, and the older ones say what a version was trained without."""
