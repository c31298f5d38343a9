"""The cache of a machine: what it contains, and how it is cleared.

``entries``        its entries, found by path and name
``clearing``       removing entries that nobody uses
``feature_files``  the outputs of frozen backbones
"""
