"""Errors, what kind of failure they are, and memory that ran out."""
