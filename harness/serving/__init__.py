"""Serving: a trained classifier over HTTP, with dynamic batching and limits. Needs the extra ``serve``.

==============  ==================================================================
``server``      the process: address, signals, shutdown
``protocol``    connections, and how long one may be idle
``guard``       checks before the app: host, origin, token
``app``         the routes
``pages``       the demo page and the API page
``bodies``      the images in a request body: a form, JSON or an image itself
``forms``       the files of a multipart form
``uploads``     an image as it was sent
``limits``      what a request may hold, and its refusal
``admission``   how many requests and bytes are held at a time
``served``      the classifier: encoded images in, predictions out
``maps``        which regions of an image raise its classes
``batcher``     dynamic batching, independent of images and HTTP
``metrics``     counts and times for Prometheus
==============  ==================================================================
"""
