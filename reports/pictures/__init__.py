"""Charts and sheets of images."""
