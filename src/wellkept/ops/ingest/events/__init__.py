"""Events that others publish, as changes of the world and as log records."""
