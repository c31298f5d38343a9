"""All trials of a plan in processes of their own."""
