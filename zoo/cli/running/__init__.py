"""What a bench does around its trials."""
