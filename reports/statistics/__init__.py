"""Intervals, tests and pooled variances: functions of numbers."""
