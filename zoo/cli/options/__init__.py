"""Options that several commands share.

``selecting``     what to run: models, datasets, recipes, seeds, settings and suite files
``bench_call``    all options of ``zoo bench``, parsed into one typed call
``placing``       where trials run, and where datasets are stored
``output``        formats and files
``class_names``   names of classes: a file, a number or a list
``counts``        whole numbers of at least 1
``running_model`` what to run a trained model on, on which device and in which precision
``table_choice``  the columns, order and format of a ranked table
``completing``    names for the completion of a shell
"""
