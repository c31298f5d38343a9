"""Built-in metrics, all computed from saved test predictions.

``classification``      the plugin, which declares all metrics
``confusion``           from the expected confusion matrix: accuracy, precision, recall, F1, correlation
``ranking``             from the order of scores: top-k, ROC-AUC, average precision, best threshold
``calibration``         calibration error without the noise of the bins, and that noise
``probability``         from probabilities: likelihood, Brier score, calibration error
``temperature_scaling`` the same at a temperature that is fitted on validation images
``selective``           from the surest images: risk and coverage
``influence``           how far each image moves a metric, for intervals and tests
``known``               values worked out by hand, which the metrics are checked against

A metric that is undefined for some predictions, such as the recall of a class without images, is NaN.
"""
