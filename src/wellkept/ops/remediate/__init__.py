"""From a diagnosed incident to a plan at the gate."""
