"""The Python client of the platform; it imports the kernel alone."""
