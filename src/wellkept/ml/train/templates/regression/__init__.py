"""A model project to begin with."""
