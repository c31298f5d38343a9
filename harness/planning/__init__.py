"""From a request to a plan, with the expected time and memory.

- ``request``: what a user asks for, as typed
- ``selection``: names and patterns, resolved against the catalog
- ``plan``: the trials to run, and the skipped combinations with their reasons
- ``costs``: the time of a trial, taken apart
- ``measured``: what a probe measured
- ``forecast``: expected time and memory of trials
- ``scheduling``: the order in which slots take trials

Imports ``harness.faults``, ``harness.records`` and ``harness.system``, and never torch.
"""
