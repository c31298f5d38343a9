"""The site: a leaderboard as pages that open from a folder and load nothing from other machines.

May import all layers but ``publishing``.

``build``          a leaderboard and its trials → the files of a site
``options``        options of a site
``folder``         writing those files over an earlier publication
``paths``          the names of all files of a site
``site_pages``     the index, and a page for each row, dataset, model and comparison
``row``            the page of one row
``board``          the table of the index as plain data
``overall_section``  rows over all datasets, at the top of the index
``comparison``     the rows of one table image by image
``dataset_page``   facts about the images of one table
``features_page``  test images as points in the plane, beside the site
``pages``          plain data → HTML, with the templates
``illustrations``  pictures of test images
``entries``        rows with their trials and their addresses
``statuses``       how far the numbers of a row have been verified
``commands``       the command that reproduces a row
``changes``        the changelog between two publications
``publications``   how each row stood in each publication
``badge``          the best row as an image
``model_card``     a row as a Hugging Face model card
``schema``         the JSON Schema of ``leaderboard.json``
"""
