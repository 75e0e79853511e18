"""Predictions asked one by one, of models that stay loaded."""
