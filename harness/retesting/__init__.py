"""Retesting: the weights of finished trials on further test sets, without training again.

================  ===================================================================
``requested``     the test sets that a request names
``class_names``   how the classes of a dataset become those of a trial
``sources``       the images of a set: another dataset's, corrupted ones or a slice
``job``           what happens in the process that tests one trial
``bench``         tests the due trials, each in a separate process
================  ===================================================================
"""
