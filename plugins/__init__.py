"""The built-in plugins, written as a third party would write them: each imports :mod:`zoo` only.

``architectures``  custom CNNs, timm's and torchvision's models
``datasets``       digits, torchvision's sets, folders, tables, synthetic images
``recipes``        training recipes, and recipes on frozen features
``metrics``        accuracy, F1 and the rest
``listeners``      trackers and logs that follow a bench
``executors``      ways to run trials on other machines
``runtimes``       ways to run trained weights
"""

from __future__ import annotations

BUILTIN: tuple[str, ...] = (
    "plugins.architectures.small_cnns",
    "plugins.architectures.cifar_nets",
    "plugins.architectures.speedrun",
    "plugins.architectures.timm_models",
    "plugins.architectures.torchvision_models",
    "plugins.datasets.digits",
    "plugins.datasets.torchvision_sets",
    "plugins.datasets.folder",
    "plugins.datasets.tar",
    "plugins.datasets.tables",
    "plugins.datasets.hub",
    "plugins.datasets.given",
    "plugins.datasets.synthetic",
    "plugins.recipes.classic",
    "plugins.recipes.modern",
    "plugins.recipes.speedrun",
    "plugins.recipes.on_features",
    "plugins.recipes.published",
    "plugins.metrics.classification",
    "plugins.listeners.features",
    "plugins.listeners.jsonl",
    "plugins.listeners.tensorboard",
    "plugins.listeners.mlflow",
    "plugins.listeners.wandb",
    "plugins.listeners.trackio",
    "plugins.executors.ray_cluster",
    "plugins.runtimes.torch_runtimes",
    "plugins.runtimes.onnx_runtimes",
    "plugins.runtimes.openvino",
    "plugins.runtimes.executorch",
    "plugins.runtimes.litert",
)
"""Dotted names of the built-in plugin modules, in the order in which they load."""
