"""Files that zoo reads and keeps: foreign ones with limits, images by kind, and results of slow work.

``plain_files``     reading foreign files, never through a pipe or a device
``foreign_files``   what a file is that was given in place of another
``foreign_json``    parsing foreign JSON
``image_files``     searching a folder for images
``image_tree``      folders and the images in them, each read once
``folder_listing``  files of folders with their sizes and times, of many folders at a time
``image_kinds``     the kind of an image file, by its first bytes
``cache``           results of slow work, kept between runs
``sizes``           sizes of files as text

It imports nothing of zoo but ``errors`` and ``text``.
"""
