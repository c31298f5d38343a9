"""Rows made of predictions that came from elsewhere: read, aligned with the test images, scored and recorded.

- ``column_names``: what columns are usually called
- ``json_layouts``: the tables in JSON files
- ``columns``: the tables in files of predictions
- ``words``: names and numbers as these files write them
- ``scores``: probabilities and logits in them
- ``interpretation``: ids and classes in them
- ``test_images``: the test split of a dataset, or a file of labels
- ``alignment``: which prediction belongs to which test image
- ``adding``: files of predictions to rows
- ``row``: a row that was not trained here, written into a store

Never imports torch.
"""
