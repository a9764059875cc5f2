"""The optional bridge to an MLflow server."""
