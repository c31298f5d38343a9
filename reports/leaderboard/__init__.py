"""Leaderboard: trials become ranked rows. May import ``statistics`` and ``trials``.

``building``       trials → leaderboard
``leaderboard``    one table for each dataset, and the overall table
``table``          the rows of one dataset as plain data
``ranking``        which rows can be ranked, and their order; ``ranking_evidence`` reads what that is based on
``separations``    which rows of a table are tied with which
``runtime_rows``   results under other runtimes as rows of their own
``speeds``         speeds of a row, and which are comparable
``pareto``         which rows no other beats on accuracy and cost at once
``goals``          time, energy and cost until a stated accuracy is reached
``overall``        rows compared over several datasets; ``overall_text`` formats that
``adaptive_seeds`` which rows need more seeds
``all_columns``    all columns; ``columns`` holds their kinds
``coverage``       which sources of variance the intervals of a row cover
``further_sets``   accuracies on other test sets
``remarks``        the sentences around a table
``published``      published figures beside measured ones
``tuned_rows``     what searches cost and gained
``train_sizes``    accuracy by the number of training images per class
``frame``          the leaderboard as a pandas data frame
"""
