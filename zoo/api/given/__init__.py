"""What a call gives as objects instead of names: images in memory, and networks without a plugin.

``images``      arrays, datasets and data frames, kept in the cache by content
``pairs``       pairs of image and label, read from each of these
``networks``    functions that make networks, kept as plugin files
``extraction``  the source that such a function needs, from scripts and notebooks
"""
