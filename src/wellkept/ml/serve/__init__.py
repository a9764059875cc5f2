"""Serving: the model server, a process of its own."""
