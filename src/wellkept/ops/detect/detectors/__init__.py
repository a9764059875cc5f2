"""The detectors, one file each. They never import one another."""
