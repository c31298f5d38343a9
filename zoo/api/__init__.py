"""zoo from Python: what a script or a notebook calls, and what the command line is a thin layer over.

``benching``     ``zoo.bench`` and its result, and ``zoo.plan``
``adding``       ``zoo.add``: predictions made elsewhere as rows
``evaluating``   ``zoo.evaluate``: classifiers that exist, tested without training
``exporting``    ``zoo.export``: trained networks written for other tools, and verified
``lr_finding``   ``zoo.find_lr``: range tests of learning rates
``ensembling``   ``zoo.ensemble``: mean probabilities as rows
``model_sizes``  parameters and multiply-accumulates of models, counted once
``published_heads``  what the weights of models classify, and what was published for them
``figures``      what records state was published for weights, compared with what the catalog declares
``ranking``      ``zoo.rank``: results as tables, pictures, explanations, sites, and the best model
``differences``  ``zoo.diff``: two sets of results compared
``classifiers``  a trained network with its preparation, which predicts and embeds
``creating``     ``zoo.create_model``, ``load_dataset``, ``load_classifier`` and the lists of names
``given``        images and networks that are given as objects instead of names
``choosing``     settings checked against the catalog, and the plan that they make
``ordering``     all that a bench is asked for, read from text or Python values
``sites``        results as a static site
``suspects``     likely wrong labels and near duplicates of a dataset, by trials on it
``tables``       the metrics of a catalog in tables, and the files that a bench writes
``plugin_choice``  which plugins a call loads
``plugin_index``  which packages of plugins there are
``running``      what a bench does around its trials: listeners, seeds, folds, runtimes, forecasts
``display``      progress as lines and in notebooks, pictures, report formats of plugins
"""
