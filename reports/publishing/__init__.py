"""Publishing: what leaves the machine. The top layer; may import all others.

``publishing``         a site copied to a folder, a git branch or a Space
``isolated_git``       a repository in which git runs nothing and reads nobody's settings
``submission``         trials packaged for another leaderboard
``verification``       checksums, seeds and metrics of trials, recomputed from their predictions
``label_agreement``    whether trials on the same images state the same labels
``contradictions``     trials that cannot be what they state, as they and the other trials show
``signatures``         who signed the trials of a submission
``rerendering``        a published site compared with what its records give, byte for byte
``site_verification``  checksums, schema and rows of a published leaderboard, compared with records
"""
