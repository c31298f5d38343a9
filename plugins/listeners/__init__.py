"""Built-in listeners.

``features``     plugin: features of the test images, saved with the predictions
``jsonl``        plugin: every event as a line of JSON
``tensorboard``  plugin: event files for TensorBoard
``mlflow``       plugin: runs for MLflow
``wandb``        plugin: runs for Weights & Biases, offline
``trackio``      plugin: runs for trackio
``_ledger``      what was written to a tracker that cannot be asked
``_following``   shared by the trackers: one run per trial, each point once
"""
