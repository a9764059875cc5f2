"""What an agent can do to its host, one file an action; each does only what the configuration declares."""
