"""What a call gives as objects instead of names: images in memory, and networks without a plugin.

``images``      arrays, torch datasets and Hugging Face datasets, kept in the cache by content
``networks``    functions that make networks, kept as plugin files
``extraction``  the source that such a function needs, from scripts and notebooks
"""
