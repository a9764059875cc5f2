from tests.store.fixtures import opening, telemetry

__all__ = ["opening", "telemetry"]
