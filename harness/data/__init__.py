"""Datasets decoded, split, cached and audited."""
