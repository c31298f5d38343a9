"""Serving: a trained classifier behind HTTP, with dynamic batching and limits. Takes the extra ``serve``.

``batcher``     items of many requests, prepared in threads and run in batches; knows nothing of images or HTTP
``served``      the classifier behind it: encoded images in, predictions out
``limits``      how much of what is taken, and the refusal of what is beyond
``admission``   how many requests and bytes are held at a time
``forms``       the images of a multipart form, counted while they come in
``guard``       which requests get through to the app: host, origin, token
``metrics``     counts and times, for Prometheus
``app``         the routes
``pages``       the pages: to try it, and of the API
``protocol``    connections: how long one may say nothing
``server``      the process: address, signals, stopping
"""
