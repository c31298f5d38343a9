"""Trials: records and predictions, read and grouped. Imports nothing else of ``reports``.

``reading``      folders → trials
``correctness``  which test images a trial classified correctly
``evidence``     the predictions of a row's seeds
``grouping``     which trials make a row, and which rows a table
``labels``       the names of rows
``pretraining``  whether weights have seen the test images
"""
