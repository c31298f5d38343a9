"""Leaderboard: trials become ranked rows. May import ``statistics`` and ``trials``.

``building``       trials → leaderboard
``leaderboard``    one table for each dataset, and the overall table
``table``          the rows of one dataset as plain data
``ranking``        which rows can be ranked, and their order; ``ranking_evidence`` reads what that is based on
``separations``    which rows of a table are tied with which
``runtime_rows``   results under other runtimes as rows of their own
``speeds``         speeds of a row, and which are comparable
``pareto``         which rows no other beats on accuracy and cost at once
``overall``        rows compared over several datasets; ``overall_text`` formats that
``adaptive``       which rows need more seeds
``columns``        all columns; ``column``, ``metric_column`` and ``speed_columns`` declare them
``further_sets``   accuracies on other test sets, and ``further_columns`` their columns
``published``      published figures beside measured ones
``cells``          how numbers are formatted
``footnotes``      the sentences below a table
``tuned_rows``     what searches cost and gained
``idle_settings``  rows that a setting does not tell apart
``notes``          remarks on single trials, merged by kind
``label_noise``    known errors of test sets that exceed the difference between rows
``skipped_rows``   networks whose weights cannot be loaded, as a note
``train_sizes``    accuracy by the number of training images per class
``versions``       which metrics were computed by an outdated version
``frame``          the leaderboard as a pandas data frame
"""
