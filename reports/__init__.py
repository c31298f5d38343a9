"""Reports: records → leaderboard → tables and pages. Never imports torch, never trains.

The packages are layers, from the top. Each may import those below it, and of ``harness`` only records, data and system:

``publishing``   sites published, trials submitted, leaderboards verified
``site``         a leaderboard as static web pages
``render``       leaderboards, explanations and differences as text and files
``pictures``     charts and sheets of images; a sibling of ``render``, neither imports the other
``comparison``   pairs of rows and pairs of result sets, compared
``leaderboard``  trials grouped into rows, ranked and described by columns and notes
``statistics``   intervals, tests and ranks as functions of numbers
``trials``       records and predictions, read and grouped; a sibling of ``statistics``

``leaderboard.schema.json`` is the JSON Schema of the JSON format.
"""
