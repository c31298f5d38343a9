"""Trained classifiers: predicting, exporting, importing."""
