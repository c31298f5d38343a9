"""One trial, from its spec to its record, on one or several devices.

``trial``           the trial, in a process of its own
``job``             what the bench asks of that process
``resolved_trial``  a trial that is ready to run: data prepared, settings resolved
``active``          the steps that every kind of trial takes
``training``        a trial that trains a network
``setup``           building the network and recipe from the spec
``evaluating``      a trial that trains nothing, and its network
``fitting``         training a network, without CUDA graphs where they cannot be recorded
``on_features``     a trial that fits a head to features instead of training on images
``head_fitting``    the heads, by a recipe's solver or the engine
``backbone_facts``  what is kept beside features
``feature_source``  the features of its images, from the cache or computed
``together``        training it together with other seeds, as one batched network
``tuning``          choosing memory format and compile mode from a few training steps
``testing``         predicting the test and validation images with the trained network
``progress``        what the trial has done so far, in this attempt and in earlier ones
``output_checks``   checks that outputs are neither random nor dependent on the rest of a batch
``distributed``     a trial on several devices
``probe``           running a few batches to forecast time and memory
``lr_test``         the training loss while the learning rate rises

It imports ``classifiers``, ``measuring`` and the rooms below, and never ``bench`` or those above.
"""
