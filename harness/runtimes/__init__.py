"""Trained weights under other runtimes."""
