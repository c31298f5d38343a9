"""Pairs of rows and pairs of stores, compared."""
