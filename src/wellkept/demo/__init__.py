"""Both loops on real processes: starts them, breaks them, and tells what the platform did."""
