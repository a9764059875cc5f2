"""Training in a process of its own, and the export into a format that can be served safely."""
