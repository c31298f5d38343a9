"""Recipes whose validation accuracy is a known function of their settings. Tests load copies as a plugin."""

from zoo import (
    Architecture,
    Dataset,
    FeatureHyperparameters,
    Hyperparameters,
    Preparation,
    Recipe,
    Split,
    Splits,
    hookimpl,
)


class Knobs(Hyperparameters):
    """Settings of a surface with its peak where ``knob`` is 0.7, and of nothing."""

    knob: float = 0.1
    idle: float = 0.5


def linear(request):
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(request.in_channels * request.image_size**2, request.num_classes))


def load(request):
    import numpy as np

    def split(count, seed):
        rng = np.random.default_rng(seed)
        labels = np.arange(count) % 2
        images = rng.integers(0, 100, (count, 4, 4, 1), dtype=np.uint8)
        images[:, 1:] += (labels * 150).astype(np.uint8)[:, None, None, None]
        return Split(images=images, labels=labels.astype(np.int64))

    if request.options["flat"]:  # of one colour, so that nothing can be learnt
        flat = Split(images=np.full((40, 4, 4, 1), 100, dtype=np.uint8), labels=np.arange(40) % 2)
        return Splits(classes=("dark", "light"), train=flat, val=flat, test=flat)
    test = split(40, 3)
    if request.options["poison"]:
        test = Split(images=test.images, labels=1 - test.labels)
    return Splits(classes=("dark", "light"), train=split(40, 1), val=split(200, 2), test=test)


def planted(model, images_BCHW, hp):
    """Return logits that are right for a share of images that is largest where ``knob`` is 0.7."""
    import torch

    draw_B = images_BCHW[:, 0, 0, 0] * 255 / 100
    is_light_B = images_BCHW[:, :, 1:].mean(dim=(1, 2, 3)) > 0.5
    is_right_B = draw_B < 1 - abs(hp.knob - 0.7)
    logits_BK = torch.nn.functional.one_hot((is_light_B == is_right_B).long(), 2).float()
    return logits_BK / 0 if hp.knob < 0.02 else logits_BK * (1 + hp.knob)


def broken(model, images_BCHW, hp):
    raise RuntimeError("this knob is broken")


@hookimpl
def zoo_architectures():
    yield Architecture(name="toy", build=linear, options={"width": 4}, has_pretrained=True)


@hookimpl
def zoo_datasets():
    yield Dataset(name="bright", load=load, options={"poison": False, "flat": False})


@hookimpl
def zoo_recipes():
    yield Recipe(
        name="planted",
        hyperparameters=lambda: Knobs(epochs=1, batch_size=20),
        space={"knob": "uniform(0, 1)"},
        preparation=Preparation(mean=(0.0,), std=(1.0,)),
        predict=planted,
    )
    yield Recipe(name="idle", hyperparameters=lambda: Knobs(epochs=1, batch_size=20), space={"idle": "uniform(0, 1)"})
    yield Recipe(
        name="plain",
        hyperparameters=lambda: Hyperparameters(epochs=2, batch_size=20, weight_decay=1e-3),
        space={
            "momentum": "uniform(0.5, 0.99) if optimizer=sgd",
            "beta1": "uniform(0.8, 0.95)",
            "lr": "log(1e-3, 1)",
            "optimizer": "choice(sgd, adamw)",
            "weight_decay": "log(1e-6, 1e-2)",
        },
    )
    yield Recipe(
        name="broken",
        hyperparameters=lambda: Knobs(epochs=1, batch_size=20),
        space={"knob": "uniform(0, 1)"},
        predict=broken,
    )
    yield Recipe(name="as_is", hyperparameters=lambda: Hyperparameters(pretrained=True), trains=False)
    yield Recipe(
        name="heads",
        hyperparameters=lambda: FeatureHyperparameters(pretrained=False),
        fit_head=lambda features, hp: None,
    )
    yield Recipe(name="bare", hyperparameters=lambda: Hyperparameters(epochs=1))
