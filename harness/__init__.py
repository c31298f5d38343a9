"""The harness: from a selection to records.

``selection``  what the user typed, resolved against the catalog
``plan``       the trials that follow, and those that are skipped, before anything runs
``spec``       one trial, fully described
``data``       images of a dataset: decoded once, split once
``training``   the engine
``timer``      the throughput protocol
``building``   a network from its architecture and a seed
``trial``      one trial from spec to record
``record``     what a trial did
``rescoring``  metrics anew from saved predictions
``store``      a folder of records
``bench``      all trials of a plan, each in a process of its own

It finds plugins through the catalog it is given, and never imports ``plugins`` or ``reports``.
"""
