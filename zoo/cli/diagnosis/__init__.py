"""The diagnosis of an installation.

``examination``     the checks, each with its finding and remedy
``import_attempt``  imports and processes that may crash, tried in a separate process
``wrong_imports``   files that stand in the way of a library
"""
