"""Records become rows, ranked as far as the evidence separates them."""
