"""Render: text and files. May import ``comparison``, ``leaderboard``, ``statistics`` and ``trials``.

``terminal``     a leaderboard for a terminal
``markdown``     … as Markdown
``latex``        … as LaTeX
``csv``          … as CSV
``json``         … as JSON
``writing``      any format by its name, and the files beside the records
``explanation``  explanations as text and plain data
``difference``   differences in every format
``fitting``      columns, names and sentences that fit the width of a terminal
"""
