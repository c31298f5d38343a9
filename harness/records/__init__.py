"""Specs, keys, the store and what is computed from saved predictions."""
