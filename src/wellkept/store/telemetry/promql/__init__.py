"""PromQL over the stored metrics: an expression becomes statements of the engine and arithmetic on whole grids."""
