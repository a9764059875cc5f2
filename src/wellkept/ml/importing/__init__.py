"""Finished models from elsewhere: found out what they are, looked at in a locked-in process, registered."""
