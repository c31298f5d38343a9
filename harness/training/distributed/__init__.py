"""Training on several devices: processes that share each batch.

``ranks``              the processes, and what they exchange
``sync_batch_norm``    batch normalisation across them
``unused_parameters``  weights that no gradient reaches, which they must agree on
"""
