"""Specs, keys, the store, and what is computed from saved predictions.

- ``spec``: the full description of a trial
- ``keys``: the two identities of a trial
- ``study_file``: what a search tried
- ``key_diff``: differences between keys
- ``provenance``: the origin of selected plugins
- ``record``: the outcome of a trial
- ``origin``: where a row comes from that was not trained here
- ``store``: a folder of records
- ``record_checks``: whether the numbers of a record are within their possible ranges
- ``state_files``: training states in a trial's folder
- ``history``: phases and epochs of a trial, one per line
- ``predictions``: saved test predictions
- ``mean_predictions``: the mean probabilities of several networks
- ``out_of_sample``: mean probabilities by networks that were not trained on an image
- ``without_samples``: trials without some of their test images
- ``scoring``, ``rescoring``: metrics of predictions, and of predictions saved earlier
- ``run_summaries``: the parts of a record that a forecast needs
- ``runtime_result``: results of a trial's weights with another runtime
- ``pooled_folds``: the folds of a cross-validation as one record
- ``copying``: trials copied from a store that may be a stranger's
- ``merging``: merging several stores
- ``seed_schedule``: the number of seeds of each row at each look

Imports ``harness.system`` and the vocabulary in ``zoo``, and never torch.
"""
