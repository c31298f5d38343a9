"""Pictures: charts and sheets of images. May import ``comparison``, ``leaderboard``, ``statistics`` and ``trials``.

``curves``          loss and accuracy of trials over epochs
``braille``         line charts for a terminal
``parallel``        the settings of a search's trials as parallel coordinates
``sheet``           images in rows with captions
``examples``        which images and confusions to show of a row
``examples_sheet``  those images as one picture
``embedding``       features of images as points in the plane
``thumbnails``      test images from the cache of decoded datasets
"""
