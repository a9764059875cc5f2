"""Webhooks: signed events to others' systems, and signed messages from them."""
