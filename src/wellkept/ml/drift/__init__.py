"""How unusual a spread of values is: pure mathematics on counts, shared by training, watching and evaluation."""
