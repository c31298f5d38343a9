"""Batches on a device and their augmentation."""
