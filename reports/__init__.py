"""Reports: records → leaderboard → tables and pages. Never imports torch, never trains.

``reading``      folders → trials
``leaderboard``  trials → leaderboard
``table``        what that is, as plain data: tables of rows
``grouping``     which trials make a row, and which rows a table
``ranking``      which rows can be told apart, and their order
``statistics``   intervals, paired tests and the ranks that follow
``adaptive``     which rows want more seeds, and why the others do not
``pooling``      how much seeds vary, with few of them
``explanation``  why rows share ranks, pair by pair
``correctness``  saved predictions → which images were right
``speeds``       speeds of a row, and which can be compared
``pareto``       what no row beats on accuracy and cost at once
``overall``      rows compared over several datasets, and ``overall_text``, how that is written
``labels``       what a row is called
``columns``      what a row shows; ``column``, ``metric_column``, ``speed_columns`` declare it, ``cells`` writes it
``footnotes``    what the numbers mean
``versions``     which of them an older metric computed
``render_*``     terminal, Markdown, CSV, JSON, LaTeX, explanations
``writing``      files beside the records
``site``         a leaderboard as pages
``text``         cleaning of foreign text
"""
