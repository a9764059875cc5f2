"""What can be done to a host, one file an action."""
