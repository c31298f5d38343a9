"""Comparison: pairs of rows and pairs of result sets. May import ``leaderboard``, ``statistics`` and ``trials``.

``explanation``  why rows of a table share ranks, pair by pair
``difference``   two result sets compared cell by cell
``matching``     which rows of two sets are the same cell
``statistics``   is a change significant, is it equivalent, and how large is it?
``speeds``       changes of throughput
``detection``    which differences a bench will be able to show
``context``      what was not compared, and which settings and environments differ
"""
