"""Specs, keys, the store, and what is computed from saved predictions.

- ``spec``: one trial, fully described
- ``keys``: the two identities of a trial
- ``key_diff``: which fields of the keys differ
- ``provenance``: where selected records come from
- ``record``: what one trial did
- ``store``: a folder of records
- ``state_files``: training states in a trial's folder
- ``history``: phases and epochs of a trial, a line each
- ``predictions``: saved test predictions
- ``scoring``, ``rescoring``: metrics of predictions, and of those saved earlier
- ``run_summaries``: what a forecast needs of a record
- ``runtime_result``: what a trial's weights did under another runtime
- ``pooled_folds``: the folds of a cross-validation as one record
- ``merging``: several stores in one
- ``seed_schedule``: how many seeds rows have at each look

Imports ``harness.system`` and the vocabulary in ``zoo``, and never torch.
"""
