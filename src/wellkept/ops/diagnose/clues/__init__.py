"""The clues, one file each. They never import one another."""
