"""A trial on several devices of one machine.

``devices``     which devices it uses, and whether they go together
``multi_gpu``   training on them, in the trial's process
``supervisor``  starting, watching and ending the ranks
``rank``        the process of a rank
"""
