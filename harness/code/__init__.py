"""Code: which code, files and libraries a record depends on, so that a result is reused only while they are the same.

``source``         the part of a module's source that counts, and its imports
``locating``       finding a module, and whether it is part of a plugin, of a library or of neither
``distributions``  the distribution that a module belongs to
``reach``          the modules and libraries that code depends on through its imports
``roots``          the functions of a record, and the values that they were created with
``identity``       all of it for one entry of the catalog
``parts``          the files beside a plugin's file that it needs on another machine
``imported``       checking that imported modules come from their distributions
"""
