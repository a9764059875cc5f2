"""The MLOps loop: keeps models accurate."""
