from tests.store.fixtures import telemetry

__all__ = ["telemetry"]
