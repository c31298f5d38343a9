"""Measuring speed and memory, and choosing settings by timing.

``best_inference``  the fastest settings for inference
``core_locks``      trials of a bench that take turns on the cores
``device_lock``     trials that share a device, and timing without them
``end_to_end``      training speed with the data path, measured alone
``decoding``        how fast test images are decoded from their files
``energy``          joules that a device uses, by its own counter
``environment``     devices, precisions, and what a record states of a machine
``inference``       throughput and latency of a network on images that are on its device already
``interference``    load of other processes and throttled clocks
``peak_memory``     peak memory of a device or process
``reference``       the reference network that each trial measures beside its own
``seed_batching``   whether several seeds train faster together
``speed``           all speeds of a trained network
``timer``           the throughput protocol
``training_step``   one training step to time
``tuning``          memory format and compile mode, chosen by timing

It imports ``training`` and the rooms below, and never ``trial``, ``classifiers`` or those above.
"""
