"""Rows made of predictions that came from elsewhere: read, aligned with the test images, scored and recorded.

- ``columns``: the tables in files of predictions
- ``interpretation``: ids, classes and scores in them
- ``test_images``: the test split of a dataset, or a file of labels
- ``alignment``: which prediction belongs to which test image
- ``adding``: files of predictions to rows
- ``row``: a row that was not trained here, written into a store

Never imports torch.
"""
