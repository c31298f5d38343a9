"""Built-in listeners.

``jsonl``        plugin: every event as a line of JSON
``tensorboard``  plugin: event files for TensorBoard
``mlflow``       plugin: runs for MLflow
``_following``   shared by the trackers: one run per trial, each point once
"""
