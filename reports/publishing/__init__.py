"""Publishing: what leaves the machine. The top layer; may import all others.

``publishing``         a site copied to a folder, a git branch or a Space
``submission``         trials packaged for another leaderboard
``verification``       checksums, seeds and metrics of trials, recomputed from their predictions
``site_verification``  checksums, schema and rows of a published leaderboard, compared with records
"""
