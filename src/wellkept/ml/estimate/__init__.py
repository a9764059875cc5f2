"""How good a model is while its labels are still on their way; pure, and shared by the stages."""
