"""From a request to a plan, with the expected time and memory.

- ``request``: a user's request, as typed
- ``selection``: names and patterns, resolved against the catalog
- ``selected``: the plugins that it finds, with the values of their settings
- ``plan``: the trials to run, and the skipped combinations with their reasons
- ``classifiers``: classifiers that are tested as they are
- ``class_mapping``: which class of a head is which class of a dataset, from the ``class_index`` of the head
- ``preparing``: how images are prepared, from the layers that state it
- ``unread_settings``: overrides that cannot change a recipe's training
- ``small_images``: the image sizes for which networks are adapted to small images
- ``threads``: how many CPU threads a trial computes with
- ``costs``: the components of a trial's time
- ``measured``: the measurements of a probe
- ``rising_rates``: the learning rates of a range test
- ``titles``: names of trials for people
- ``forecast``: expected time and memory of trials
- ``plan_forecast``: those of a whole plan
- ``scheduling``: the order in which slots run trials

Imports ``harness.faults``, ``harness.records`` and ``harness.system``, and never torch.
"""
