"""The page of a row, and what is said on it.

``page``        the page, put together from the others
``facts``       seeds, settings, environment, provenance and failures
``charts``      learning curves, reliability, confusion matrix and scores by class
``searches``    what the search of a tuned row tried
``citation``    a sentence and a BibTeX entry
``neighbours``  the rows around it in its table, and which its tests separate from it
"""
