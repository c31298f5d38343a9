"""All trials of a plan, each in a process of its own, as many at a time as there are slots.

The flow: ``bench`` resolves a plan, ``dispatcher`` hands its trials out, and their records return.

- ``bench``: runs a plan on a store and continues what is unfinished
- ``dispatcher``: hands out trials while there is room
- ``timings``: where the wall time of a bench went
- ``settings``: how a bench runs its trials
- ``seed_groups``: trials that one process may train together
- ``slots``: how many trials run at a time, and on which devices
- ``resolution``: prepares datasets, decides settings, and gives trials their keys
- ``job_runner``, ``local_jobs``: the jobs that come before the trials
- ``machine``: the machine as a probe found it
- ``local_trials``: trials in processes of this machine
- ``trial_process``: what a trial in its process tells, and the limits that it is held to
- ``remote``: jobs and trials on other machines
- ``processes``: child processes, started, watched and stopped
- ``cheapest``: the order of trials within a budget
- ``weights_at_hand``: leaves out networks whose published weights cannot be loaded
- ``follow_up``: the outcome of what comes after the trials, such as other runtimes
- ``crashes``: records of trials whose process wrote none
- ``probing``: measures a few batches of what a plan would run

Imports ``harness.trial`` and the rooms below it, and never torch: only child processes load it.
"""
