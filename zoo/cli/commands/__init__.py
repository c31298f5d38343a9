"""The commands: ``zoo NAME`` is in the module NAME, and ``zoo import`` in ``import_weights``."""
