"""Built-in datasets.

``digits``            scikit-learn's handwritten digits
``torchvision_sets``  torchvision's datasets by their usual names, from the list in ``published``
``synthetic``         deterministic images of any size and number of classes
``folder``            images in folders
``tar``               images in tar files
``tables``            images listed in CSV and Parquet files; ``parquet`` reads the latter
``hub``               datasets on the Hugging Face Hub
``given``             images that a call from Python was given

Modules whose names begin with an underscore hold what these share: layouts of files, labels and tables.
"""
