"""Datasets: decoded, split, cached and audited. Never imports torch.

From a source's images to those of a trial:

==========================  ==========================================================================================
:mod:`~.settings`           where datasets come from, and where they are kept
:mod:`~.prepare`            decodes, splits and caches a dataset, or finds it in the cache
:mod:`~.image_files`        decodes every kind of image file by one policy
:mod:`~.photographs`        whole images that training crops are drawn from
:mod:`~.whole_images`       the same, kept in the cache
:mod:`~.image_shape`        the size and channels that all images are converted to
:mod:`~.image_writer`       decodes a split in threads, into a file
:mod:`~.fingerprint`        which images a dataset has
:mod:`~.moments`            mean and standard deviation of the pixels
:mod:`~.splitting`          training, validation and test images, by a hash of their ids
:mod:`~.folding`            cross-validation folds, and :mod:`~.fold_data` their files
:mod:`~.resplitting`        a validation split or a deal of folds for each seed
:mod:`~.images`             the images of a trial, with the test split locked until training is over
:mod:`~.streaming_images`   images that are decoded again in each epoch, and :mod:`~.streaming_index` their positions
:mod:`~.image_facts`        ids, groups and the class hierarchy, which metrics can ask for
:mod:`~.notes`              notes on the data for readers of scores
==========================  ==========================================================================================

The cache: :mod:`~.cache_key` (when to prepare again), :mod:`~.cache_layout` (paths and locks), :mod:`~.array_files`,
and :mod:`~.cache` (what it contains, and clearing it). :mod:`~.audits` looks for problems; :mod:`~.corruptions` makes
corrupted copies of test images.
"""
