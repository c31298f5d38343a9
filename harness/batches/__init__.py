"""Batches of images on a device, augmented and normalised.

``ahead``             making the next batch while the current one is learnt from
``augmentation``      random changes of training images, drawn independently for each image
``crop_boxes``        where random resized crops of whole photographs lie
``device_copy``       copying chunks of images from the host to the device
``device_images``     a split's images on their device, and the order of an epoch
``epoch_batches``     the training batches of each epoch
``filling``           tasks of many parts, done by threads and yielded in order
``forward_settings``  how a network runs: device, precision, memory format, normalisation, compilation
``normalization``     converting ``uint8`` images to a network's input
``photograph_crops``  random resized crops of whole photographs, in threads
``prefetch``          reading batches ahead of the computation
``rank_share``        the part of a batch that a rank trains on
``reused_memory``     memory of batches that is used again
``resizing``          the side of training images in each epoch

It imports ``data``, ``planning`` and the rooms below them, and never ``networks``, ``training`` or those above.
"""
