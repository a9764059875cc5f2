"""The model project that the demo copies into its folder."""
