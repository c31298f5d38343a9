"""The MedMNIST datasets of two-dimensional medical images, for zoo.

``plugin``  what zoo asks for
``files``   where the files lie, downloading and reading them
"""
