"""Code: which code, files and libraries a record depends on, so that a result is reused only while they are the same.

``source``         what counts of a module's text, and what it imports
``locating``       where a module is, and whether it is a plugin's own, a library or neither
``distributions``  which distribution a module belongs to
``reach``          the modules and libraries that code reaches by its imports
``roots``          the functions of a record, and the values that they were made with
``identity``       all of it for one entry of the catalog
``imported``       what was imported, compared with the distribution that should hold it
"""
