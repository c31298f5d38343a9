"""From a request to a plan, with the expected time and memory.

- ``request``: a user's request, as typed
- ``selection``: names and patterns, resolved against the catalog
- ``plan``: the trials to run, and the skipped combinations with their reasons
- ``costs``: the components of a trial's time
- ``measured``: the measurements of a probe
- ``forecast``: expected time and memory of trials
- ``scheduling``: the order in which slots run trials

Imports ``harness.faults``, ``harness.records`` and ``harness.system``, and never torch.
"""
