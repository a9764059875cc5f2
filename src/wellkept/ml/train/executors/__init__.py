"""Where training processes run."""
