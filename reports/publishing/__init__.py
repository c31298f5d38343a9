"""Publishing: what leaves the machine. The top layer; may import all others.

``publishing``    a site copied to a folder, a git branch or a Space
``submission``    trials packaged for another leaderboard
``verification``  checksums, schema, seeds and numbers, checked against the records
"""
