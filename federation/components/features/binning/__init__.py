"""Bins of features: where they are cut, what they tell about labels, rows rewritten by them."""
