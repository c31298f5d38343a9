"""EfficientNet-Lite0 for zoo, with ImageNet weights that come as a Python package.

``plugin``   what zoo asks for
``weights``  the file of weights, and fitting it to a network
"""
