"""Built-in metrics, all computed from saved test predictions.

``classification``  the plugin: names and declares all of them
``confusion``       from the expected confusion matrix: accuracy, precision, recall, F1, correlation
``ranking``         from the order of scores: top-k, ROC-AUC, average precision, best threshold
``known``           values worked by hand, which the metrics are held to
``probability``     from probabilities: likelihood, Brier score, calibration error

What is not defined for some predictions (the recall of a class that has no images, say) is NaN.
"""
