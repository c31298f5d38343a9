"""Batches of images on a device, augmented and normalised.

``augmentation``      changes of training images, drawn for each image on its own
``device_copy``       copying chunks of images from the host to the device
``device_images``     a split's images on their device, and the order of an epoch
``epoch_batches``     the training batches of each epoch, ready to learn from
``forward_settings``  how a network runs: device, precision, memory format, normalisation, compilation
``normalization``     ``uint8`` images to a network's input
``prefetch``          reading batches ahead of the computation
``rank_share``        the part of a batch that one of several processes learns from

It imports ``data``, ``planning`` and the rooms below them, and never ``networks``, ``training`` or those above.
"""
