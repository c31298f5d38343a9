"""What commands show.

``progress``         the state of a running bench, gathered from its events
``live``             that state as a live display on a terminal
``lines``            that state as plain lines, for logs and pipes
``text``             plain tables, and text fitted to a width
``counting``         how many items are done, on one line of a terminal
``audit``            the audit of a dataset
``predictions``      predictions as a table, CSV or JSON
``pictures``         files of pictures
``foreign_formats``  report formats of plugins
"""
