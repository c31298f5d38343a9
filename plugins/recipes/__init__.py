"""Built-in recipes.

``classic``            plugin: SGD with momentum, SGD with steps, Adam on a plateau
``modern``             plugin: one-cycle, AdamW on a cosine, fine-tuning, linear probing
``speedrun``           plugin: CIFAR-10 in nine epochs
``speedrun_settings``  hyperparameters of that recipe
``published``          plugin: published weights as they are
``muon``               the optimizer Muon
``on_features``        plugin: heads fitted to frozen features
``feature_settings``   hyperparameters of those recipes
``linear_heads``       logistic regression, nearest class mean, linear discriminant analysis
``neighbors``          nearest neighbours as a layer
"""
