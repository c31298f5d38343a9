"""Audits: what a dataset contains, and its problems.

``audit``               the result, as plain data
``auditing``            its computation
``label_errors``        labels that out-of-sample predictions contradict
``near_duplicates``     images that look alike, by a perceptual hash
``folder_copies``       test images that look like images in a folder
``duplicates``          images with equal pixels, within and across splits
``native_sizes``        the original sizes of images
``preparation_effect``  how much a crop discards, and how far small images are enlarged
"""
