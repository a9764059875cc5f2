"""Models are watched and refreshed through months that pass in minutes."""
