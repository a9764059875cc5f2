from tests.store.fixtures import engine, opening, telemetry

__all__ = ["engine", "opening", "telemetry"]
