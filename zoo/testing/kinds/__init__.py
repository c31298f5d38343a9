"""Checks by kind; the table in :mod:`zoo.testing.checks` names the function of each.

``architectures``  checks of networks
``forward_passes`` checks of what a network does in a pass
``builders``       checks of how networks are built
``datasets``       checks of datasets
``recipes``        checks of recipes
``feature_heads``  checks of recipes that fit a head to features
``metrics``        checks of metrics
``listeners``      checks of listeners
``executors``      checks of executors
``runtimes``       checks of runtimes
``report_formats`` checks of report formats
``commands``       checks of commands
"""
