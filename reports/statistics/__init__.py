"""Statistics: intervals, tests and ranks as functions of numbers. Imports nothing else of ``reports``.

``sample``        accuracy of one row by test image, and the variance of its seeds
``repeated_folds`` the variance over several deals of cross-validation folds
``influence``     how far each image moves a metric, so that a metric is a mean
``pooling``       variance of seeds, estimated with the help of the other rows
``student_t``     t quantiles and p-values
``mcnemar``       the exact test for two single networks
``multiplicity``  confidence level, Holm's method, several looks
``intervals``     the 95 % interval of an expected accuracy
``paired_tests``  p-values and intervals of the differences between rows
``contrast``      tests and interval of the change from one run to another whose seeds may be pairs, too
``lowest``        the interval and the tests of the lowest of several accuracies
``drops``         how much lower an accuracy is on other images
``fold_networks`` how accurate the networks of folds are on images of another set
``ranks``         which rows are separated, and their ranges of ranks
``signed_rank``   tests over datasets
``bayesian_signed_rank`` how likely a row is better, the same or worse over datasets
``optimism``      how much better the best of several rows looks than it is
``expected_best`` what a search of fewer trials would have reached
``front_chances`` how likely a row is on a Pareto front
``power``         the minimum detectable difference
"""
