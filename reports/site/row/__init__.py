"""The page of a row, and what is said on it.

``page``        the page, put together from the others
``facts``       seeds, settings, environment, provenance and failures
``charts``      reliability, confusion matrix and scores by class
``learning_curves``  loss and accuracy by epoch, over seeds
``further``     other test sets with the drop there, features and search
``searches``    what the search of a tuned row tried
``citation``    a sentence and a BibTeX entry
``neighbours``  the rows around it in its table, and which its tests separate from it
"""
