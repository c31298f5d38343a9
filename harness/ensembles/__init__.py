"""Ensembles: the mean probabilities of several networks as a row. Nothing is run: saved predictions are enough.

- ``members``: the networks of an ensemble, with their predictions
- ``greedy``: members chosen by their validation predictions
- ``making``: the row of an ensemble, with the cost of its members

Never imports torch.
"""
