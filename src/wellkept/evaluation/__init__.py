"""How good the platform's own judgement is: recorded data with known truth, scored as its readers score it."""
