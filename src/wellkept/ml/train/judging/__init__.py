"""What is tried with a trained model before it is judged, beside the scores of its held-out rows."""
