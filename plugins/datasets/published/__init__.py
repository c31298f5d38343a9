"""Published datasets in their original files: which there are, how they are downloaded and read.

``sets``           the datasets, by their usual names
``dataset``        what is stated about each
``download``       fetching, checking and unpacking their archives
``array_layouts``  readers of files of decoded pixels
``file_layouts``   readers of folders of image files
``class_names``    class names that their files lack

:mod:`plugins.datasets.torchvision_sets` offers them to the catalog.
"""
