from tests.store.fixtures import engine, telemetry

__all__ = ["engine", "telemetry"]
