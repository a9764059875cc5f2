"""A search for parameters, on nothing but the rows that are trained on."""
