"""What is computed from the predictions of finished trials. Nothing is trained or run, and torch is not needed.

- ``rescoring``: metrics of predictions that were saved earlier
- ``pooled_folds``: the folds of a cross-validation as one record
- ``mean_predictions``: the mean probabilities of several networks
- ``out_of_sample``: mean probabilities by networks that were not trained on an image
- ``without_samples``: trials without some of their test images

Nothing in ``harness.records`` outside this package imports it.
"""
