"""Runtimes: the weights of finished trials evaluated and timed under other runtimes.

==============  ==============================================================
``bench``       runs the due runtimes of trials, each in a separate process
``job``         what happens in that process: convert, test, measure
``evaluated``   weights that were not trained here, as a classifier
``converting``  a classifier as a module of a runtime
``speed``       rate and latency of such a module
==============  ==============================================================
"""
