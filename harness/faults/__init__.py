"""Errors that end a trial, and running out of memory.

``errors``         the error that ends a trial, with its kind
``failures``       what kind of failure an exception is
``out_of_memory``  recognising that memory ran out, and continuing with fewer images at a time

It imports ``records`` and the rooms below, and never ``data``, ``planning`` or those above.
"""
