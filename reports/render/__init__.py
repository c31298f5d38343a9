"""Leaderboards and differences as text and files."""
