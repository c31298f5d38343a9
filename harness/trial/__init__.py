"""One trial, from its spec to its record, on one or several devices.

``trial``           the trial, in a process of its own
``resolved_trial``  a trial that is ready to run: data prepared, settings decided
``setup``           its network and recipe, from the spec
``output_checks``   checks that its outputs depend neither on chance nor on the rest of a batch
``probe``           a few batches of it, to forecast its time and memory
``devices``         the devices of a trial that takes several
``multi_gpu``       training on several devices, seen from the trial's process
``supervisor``      starting, watching and ending the processes of such a training
``rank``            one of those processes

It imports ``measuring`` and the rooms below, and never ``classifiers``, ``bench`` or those above.
"""
