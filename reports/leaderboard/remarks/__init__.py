"""Remarks: the sentences around a table.

``footnotes``      legends and notes below it
``notes``          remarks on single trials, merged by kind
``idle_settings``  rows that a setting does not tell apart
``label_noise``    known errors of test sets that exceed the difference between rows
``skipped_rows``   networks whose weights cannot be loaded
``versions``       metrics that were computed by an outdated version
"""
