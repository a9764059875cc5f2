"""Server-rendered pages: what a person reads and decides on."""
