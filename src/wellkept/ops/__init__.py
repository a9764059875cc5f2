"""The AIOps loop: keeps systems healthy."""
