"""Parquet files of images, in the layout of the Hugging Face Hub: an image column and a label column.

``loading``  files → splits: which file belongs to which split, and what its labels mean
``columns``  which columns hold images, labels, file names and class names
``values``   the values of a column, images read on access among them
"""
