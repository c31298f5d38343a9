"""EfficientNet-Lite0 for zoo, with ImageNet weights from a Python package.

``plugin``   the hook
``weights``  the weights file, and loading it into a network
"""
