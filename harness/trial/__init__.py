"""One trial from spec to record, on one or several devices."""
