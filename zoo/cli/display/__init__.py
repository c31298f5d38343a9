"""What commands show.

``live``             a running bench as a live display on a terminal
``model_columns``    columns of zoo list models
``text``             plain tables, and text fitted to a width
``counting``         how many items are done, on one line of a terminal
``timings``          where the wall time of a bench went
``audit``            the audit of a dataset
``suspects``         what an audit with trials found
``predictions``      predictions as a table, CSV or JSON
``lr_ranges``        range tests of learning rates as charts
``pictures``         files of pictures
"""
