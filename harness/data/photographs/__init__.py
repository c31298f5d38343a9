"""Photographs as training crops see them: whole, with their aspect ratio, no larger than the crops need.

``whole``    decoding a whole image, and the side that it is reduced to
``packed``   decoded images of a split in one file
``encoded``  the same images, decoded on access, where the decoded ones would not fit
``store``    where they are in the cache

Packed and encoded images have the same pixels.
"""
