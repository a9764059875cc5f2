"""What each page shows, as plain values: everything is decided here, and the templates only write it down."""
