"""The search for settings: which trials to run next, by the validation results of those before them.

- ``combination``: a model, dataset and recipe whose settings are searched
- ``space``: the ranges of a combination's settings, from its plugins and the user
- ``objective``: what a search reads of a trial
- ``study``: proposes settings by Optuna's samplers, the same ones for the same results
- ``pruning``: which trials stop early
- ``search``: the trials of one combination, until its budget is spent
- ``unread``: settings that change nothing
- ``winner``: the trials that the chosen settings are tested with
- ``default_winner``: trials that need no training, because the search chose the default settings
- ``lr_range``: what a range test of the learning rate suggests
- ``lr_finding``: the range tests of a plan
- ``lr_tests``: range tests that find the learning rates to search
- ``rows``: the searches that a request asks for
- ``searches``: several searches side by side, as the bench runs them

The test images are never opened. A search keeps no state of its own: it is replayed from the records of its trials.

Imports ``harness.bench`` and the rooms below it, and never torch.
"""
