"""The site: a leaderboard as pages that open from a folder, need no server, and ask no other machine for anything.

``entries``       rows of the leaderboard with the trials behind them, and their addresses
``board``         what the board page shows, as plain data
``details``       what a row's page shows: seeds, curves, confusions, reliability, provenance
``evidence``      what a row's seeds predicted
``examples``      which images a row is sure, wrong or unsure of
``thumbnails``    those images, from the cache of decoded datasets
``comparison``    rows of one table, held together image by image
``commands``      the command that runs a row again
``changes``       what moved since the last publication
``badge``         the best row as a picture for a README
``model_card``    a row as a Hugging Face model card
``statuses``      who has checked a row's numbers
``verification``  what can be checked of them
``submission``    files to add to another's leaderboard
``publishing``    a site to where others see it
``schema``        what ``leaderboard.json`` must look like
``dataset_page``  what is known of the images of a table
``pages``         plain data → HTML, by the templates
``build``         all of it, written into a folder
"""
