"""The composition root: settings, build, lifecycle, schedule."""
