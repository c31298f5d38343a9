"""The harness: from a selection to records. Each room imports only those listed below it.

``serving``      trained models over HTTP
``runtimes``     trained models under other runtimes, such as ONNX
``retesting``    trained models on further test sets, such as corrupted images
``search``       settings chosen by validation results
``bench``        all trials of a plan, each in a process of its own
``trial``        one trial, from its spec to its record
``ensembles``    mean probabilities of several networks, as rows
``given``        predictions made elsewhere, as rows
``classifiers``  trained networks that predict, are exported and imported
``measuring``    speeds and memory, and settings chosen by timing
``training``     the engine
``networks``     building networks and adapting them
``batches``      batches of images on a device
``data``         images of a dataset: decoded once, split once
``planning``     selections, plans and forecasts
``faults``       errors that end a trial
``records``      what a trial did, and the store that keeps it
``code``         which code, files and libraries a result depends on
``randomness``   seeds derived from a seed and a purpose
``system``       files, processes and hardware

It finds plugins through the catalog it is given, and never imports ``plugins`` or ``reports``.
"""
