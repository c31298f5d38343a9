"""Seeds that train together end as they do alone, and go on alone from any epoch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.training.optimizers import ELEMENTWISE
from harness.training.seeds.loop import NOTE
from zoo import Hyperparameters, Recipe, build_catalog
from zoo.architecture import ModelRequest
from zoo.loading import Sources

SEEDS = (0, 1, 2)
TOLERANCE = 2e-5


def close(one, other, apart_by, tolerance=TOLERANCE):
    """Assert that both ways have the same states after each epoch, and the same results."""
    assert one.states.keys() == other.states.keys()
    for seed, states in one.states.items():
        assert states.keys() == other.states[seed].keys()
        for epoch, state in states.items():
            assert apart_by(state, other.states[seed][epoch]) < tolerance, (seed, epoch)
        for mine, theirs in zip(one.results[seed], other.results[seed], strict=True):
            for name in ("epoch", "epochs", "train_accuracy", "val_accuracy", "lr"):
                assert getattr(mine, name) == pytest.approx(getattr(theirs, name)), name
            for name in ("train_loss", "val_loss"):
                assert getattr(mine, name) == pytest.approx(getattr(theirs, name), abs=1e-4), name


CASES = {
    "sgd": {},
    "with clipping and decay of weights only": {"clip_norm": 0.3, "weight_decay": 0.1, "warmup_epochs": 1},
    "with averages": {"ema_decay": 0.9},
    "with mixing": {"mixup_alpha": 0.2, "cutmix_alpha": 1.0, "label_smoothing": 0.1},
    "with augmentation, balanced": {
        "crop_padding": 0.125,
        "cutout": 0.3,
        "sampling": "balanced",
        "class_weights": "balanced",
        "keep": "best",
    },
    "onecycle, initialised anew": {"schedule": "onecycle", "init": "kaiming", "nesterov": True},
    "channels last": {"channels_last": True},
}


@pytest.mark.parametrize("name", CASES)
def test_seeds_together_equal_those_apart(make_data, make_net, way, apart_by, name):
    both = way(make_data(num_train=50), **CASES[name])
    close(both.together(make_net), both.apart(make_net), apart_by)


@pytest.fixture
def make_plain_net(make_net):
    """Make networks without a bias before batch normalisation: its gradient is rounding, which Adam makes a step of."""

    def make(seed):
        net = make_net(seed)
        net.conv.register_parameter("bias", None)
        return net

    return make


@pytest.mark.parametrize("optimizer", ELEMENTWISE)
def test_each_optimizer_keeps_its_state_for_each_seed(make_data, make_plain_net, way, apart_by, optimizer):
    both = way(make_data(), optimizer=optimizer, lr=0.002, weight_decay=0.01)
    # Adam divides by the root of a mean square that is tiny at first, so that rounding shows.
    close(both.together(make_plain_net), both.apart(make_plain_net), apart_by, tolerance=5e-4)


def test_a_trained_seed_is_no_other(make_data, make_net, way, apart_by):
    done = way(make_data()).together(make_net)
    assert apart_by(done.last(0), done.last(1)) > 0.01


def test_bf16_is_close(make_data, make_net, way, apart_by):
    both = way(make_data(), precision="bf16", epochs=1)
    together, apart = both.together(make_net), both.apart(make_net)
    assert 0 < max(apart_by(together.last(seed), apart.last(seed)) for seed in SEEDS) < 0.05


def test_recipes_prepare_augment_and_schedule_as_alone(make_data, make_net, way, apart_by):
    def prepare(model, images_BCHW, hp):
        with torch.no_grad():
            model.conv.bias.copy_(images_BCHW.mean() * torch.rand(8))

    recipe = Recipe(
        name="own",
        hyperparameters=Hyperparameters,
        prepare=prepare,
        augment=lambda images, generator, hp: images.roll(int(torch.randint(3, (), generator=generator)), 2),
        lr_factor=lambda progress, hp: 1 - progress,
        predict=lambda model, images, hp: model(images) + model(images.flip(3)),
    )
    both = way(make_data(), recipe)
    close(both.together(make_net), both.apart(make_net), apart_by)


@pytest.mark.parametrize("first", ["together", "apart"])
def test_a_training_goes_on_the_other_way_after_any_epoch(make_data, make_plain_net, way, apart_by, first):
    both = way(make_data(), epochs=3, ema_decay=0.9, optimizer="adam", lr=0.002, keep="best")
    whole = both.apart(make_plain_net)
    begun = getattr(both, first)(make_plain_net)
    after_one = {seed: begun.states[seed][1] for seed in SEEDS}
    second = both.apart if first == "together" else both.together
    rest = second(lambda seed: make_plain_net(seed + 10), states=after_one)  # everything comes from the states
    for seed in SEEDS:
        assert sorted(rest.states[seed]) == [2, 3]
        assert apart_by(rest.last(seed), whole.last(seed)) < 5e-4


def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(make_data, make_net, way, apart_by):
    both = way(make_data(), epochs=3, ema_decay=0.9, optimizer="adam")
    whole = both.together(make_net)
    rest = both.together(make_net, states={seed: whole.states[seed][1] for seed in SEEDS})
    assert [apart_by(rest.last(seed), whole.last(seed)) for seed in SEEDS] == [0, 0, 0]


def test_a_seed_that_stops_early_leaves_the_others(make_data, make_net, way, apart_by):
    both = way(make_data(noise=200, num_val=16), epochs=6, early_stopping_patience=1, keep="best", lr=0.1)
    apart, together = both.apart(make_net), both.together(make_net)
    epochs = {seed: max(states) for seed, states in apart.states.items()}
    assert len(set(epochs.values())) > 1, "some seed stops before another"
    assert {seed: max(states) for seed, states in together.states.items()} == epochs
    assert together.musts == [epoch in epochs.values() for epoch in range(1, max(epochs.values()) + 1)]
    assert max(apart_by(together.last(seed), apart.last(seed)) for seed in SEEDS) < 1e-3


def test_a_seed_that_diverges_leaves_without_a_state_and_harms_no_other(make_data, make_net, way, apart_by):
    def make(seed):
        net = make_net(seed)
        if seed == 1:
            net.head.weight.data.fill_(float("inf"))
        return net

    both = way(make_data())
    done = both.together(make)
    assert sorted(done.states) == sorted(done.results) == [0, 2]
    alone = both.apart(make_net, seeds=(0, 2))
    close(done, alone, apart_by)


def test_states_tell_with_which_seeds_they_were_trained_and_why(make_data, make_net, way):
    done = way(make_data(), epochs=1).together(make_net)
    assert done.last(2).tree[NOTE] == {"seeds": [0, 1, 2], "reason": "they were asked to"}


def test_each_seed_is_charged_its_share_of_the_time(make_data, make_net, way):
    done = way(make_data(), epochs=2).together(make_net)
    one, other, _ = (done.last(seed).tree for seed in SEEDS)
    assert one["totals"]["seconds"] == other["totals"]["seconds"] > 0
    assert one["rates"] == other["rates"]
    assert 128 / sum(64 / rate for rate in one["rates"]) == pytest.approx(128 / one["totals"]["seconds"])


class Unsteady(nn.Module):
    """Draws random numbers in a way that cannot be told apart by seed."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 4)

    def forward(self, images_BCHW):
        means = images_BCHW.mean(dim=(2, 3))
        return self.head(means * torch.rand_like(means))


def test_a_network_that_draws_itself_is_refused(make_data, way):
    with pytest.raises(RuntimeError, match="random"):
        way(make_data()).together(lambda seed: Unsteady())


CATALOG = build_catalog(Sources(entry_points=False))


@pytest.mark.parametrize(
    ("name", "options", "channels", "size"),
    [
        ("lenet5", {}, 1, 32),
        ("simple_cnn", {"drop_rate": 0.4}, 3, 16),
        ("resnet20_cifar", {}, 3, 16),
    ],
)
def test_the_built_in_small_networks_train_together(make_data, way, apart_by, name, options, channels, size):
    record = CATALOG.architectures.get(name).record

    def make(seed):
        torch.manual_seed(seed)
        return record.build(
            ModelRequest(
                num_classes=4, in_channels=channels, image_size=size, options={**dict(record.options), **options}
            )
        )

    both = way(make_data(num_train=40, size=size, channels=channels), lr=0.001, channels_last=True, epochs=1)
    together, apart = both.together(make), both.apart(make)
    for seed in SEEDS:
        # Rounding moves a ResNet's gradients as far as another memory format does: by percents; its weights hardly.
        torch.testing.assert_close(
            together.last(seed).tree["model"], apart.last(seed).tree["model"], rtol=1e-3, atol=1e-4
        )
