"""Specs, keys, the store, and what is computed from saved predictions.

- ``spec``: the full description of a trial
- ``keys``: the two identities of a trial
- ``study_file``: what a search tried
- ``key_diff``: differences between keys
- ``provenance``: the origin of selected plugins
- ``record``: the outcome of a trial
- ``origin``: where a row comes from that was not trained here
- ``store``: a folder of records
- ``trial_lock``: one process at a time runs a trial
- ``record_checks``: whether the numbers of a record are within their possible ranges
- ``state_files``: training states in a trial's folder
- ``history``: phases and epochs of a trial, one per line
- ``predictions``: saved test predictions
- ``scoring``: metrics of predictions
- ``derived``: what is computed from the predictions of finished trials
- ``run_summaries``: the parts of a record that a forecast needs
- ``runtime_result``: results of a trial's weights with another runtime
- ``copying``: trials copied from a store that may be a stranger's
- ``merging``: merging several stores
- ``search_merging``: merging the searches in them
- ``seed_schedule``: the number of seeds of each row at each look

Imports ``harness.system`` and the vocabulary in ``zoo``, and never torch.
"""
