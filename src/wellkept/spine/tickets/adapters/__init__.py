"""One file for each system that tickets are kept in."""
