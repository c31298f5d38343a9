"""What a call shows.

``progress``         the state of a running bench, gathered from its events
``lines``            that state as plain lines, for logs and pipes
``notebook``         those lines in the output of a cell
``plotting``         pictures with Matplotlib
``foreign_formats``  report formats of plugins
"""
