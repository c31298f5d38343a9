"""The MedMNIST datasets of two-dimensional medical images, for zoo.

``plugin``  the hook
``files``   finding, downloading and reading the files
"""
