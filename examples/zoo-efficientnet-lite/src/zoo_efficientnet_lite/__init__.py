"""EfficientNet-Lite0, 1 and 2 for zoo, with ImageNet weights from Python packages.

``plugin``   the hook
``weights``  the weights files, and loading them into a network
"""
