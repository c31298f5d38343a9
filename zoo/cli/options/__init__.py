"""What command lines have in common."""
