"""Trials on other machines: an executor carries tasks to nodes, and a node runs a trial as this machine would.

- ``job``: what a task asks of a node
- ``messages``: what a node sends back
- ``node``: the function of every task, on the node
- ``node_cache``: what a node keeps between tasks
- ``sent_classifiers``: the file of a classifier that a node tests
- ``cluster``: the connection to the nodes, which makes tasks
- ``contained_workers``: an executor's connection, whose failures bear its name
- ``jobs``: the questions that come before the trials
- ``trials``: the trials, whose records are written here

Imports what ``harness.bench`` may import.
"""
