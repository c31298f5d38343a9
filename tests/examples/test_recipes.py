"""The recipes of research among the examples: equal to a bare loop, and resumed to the same bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import zoo
from harness.batches.epoch_batches import EpochBatches
from harness.batches.forward_settings import ForwardSettings
from harness.data.images import TrialImages
from harness.records.history import read_history
from harness.training.loop import TrainingHooks, train
from harness.training.resolved_recipe import ResolvedRecipe
from harness.training.seeds.support import obstacle
from harness.training.state import TrainingState
from zoo import Hyperparameters, Recipe
from zoo.loading import Sources, build_catalog
from zoo.testing.samples import NUM_CLASSES, sample_images, sample_net

EXAMPLES = Path(__file__).parents[2] / "examples" / "recipes"
SETTINGS = {"epochs": 3, "batch_size": 16, "lr": 0.05, "momentum": 0.9, "schedule": "constant", "weight_decay": 1e-3}
Update = Callable[[nn.Module, torch.optim.Optimizer, Tensor, Tensor], Tensor]


@pytest.fixture
def images() -> Iterator[TrialImages]:
    with sample_images(num_val=32) as made:
        yield made


def example(name: str, file: str = "") -> Recipe:
    sources = Sources(files=(str(EXAMPLES / f"{file or name}.py"),), entry_points=False)
    return build_catalog(sources).recipes.get(name).record


def own_net(seed: int = 0, *, dropout: float = 0.0) -> nn.Module:
    net = sample_net(seed)
    net.dropout.p = dropout
    return net


def settings_for(images: TrialImages) -> ForwardSettings:
    return ForwardSettings(device=torch.device("cpu"), normalization=images.prepared)


def fit(recipe: Recipe, images: TrialImages, net: nn.Module, **options: Any) -> list[float]:
    """Train, and return the losses of the epochs."""
    hp = recipe.hyperparameters().with_overrides({**SETTINGS, **options.pop("given", {})})
    losses: list[float] = []
    hooks = TrainingHooks(emit=lambda result: losses.append(result.train_loss), save=options.pop("save", None))
    resolved = ResolvedRecipe(recipe=recipe, hp=hp)
    train(net, images, resolved, settings_for(images), seed=0, hooks=hooks, **options)
    return losses


def bare(images: TrialImages, net: nn.Module, update: Update) -> list[float]:
    """Train with a loop of a few lines on the same batches, and return the losses of the epochs."""
    hp = Hyperparameters(**SETTINGS)
    plain = Recipe(name="plain", hyperparameters=Hyperparameters)
    batches = EpochBatches(images.train, plain, hp, prepared=images.prepared, seed=0, settings=settings_for(images))
    optimizer = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9, weight_decay=1e-3)
    losses = []
    for epoch in range(1, hp.epochs + 1):
        net.train()
        total = 0.0
        for images_BCHW, labels_B, _ in batches.of_epoch(epoch):
            optimizer.zero_grad()
            total += update(net, optimizer, images_BCHW, labels_B).item() * len(labels_B)
            optimizer.step()
        losses.append(total / batches.num_images)
    return losses


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.allclose(a, b, atol=1e-5) for a, b in pairs)


def test_sam_is_the_bare_loop_of_its_paper(images: TrialImages) -> None:
    def update(net: nn.Module, optimizer: Any, images_BCHW: Tensor, labels_B: Tensor) -> Tensor:
        loss = functional.cross_entropy(net(images_BCHW), labels_B)
        loss.backward()
        parameters = list(net.parameters())
        norm = sum(each.grad.square().sum() for each in parameters).sqrt()
        kept = [each.detach().clone() for each in parameters]
        statistics = {name: value.clone() for name, value in net.named_buffers()}
        with torch.no_grad():
            for each in parameters:
                each += 0.05 * each.grad / norm
        optimizer.zero_grad()
        functional.cross_entropy(net(images_BCHW), labels_B).backward()
        with torch.no_grad():
            for each, before in zip(parameters, kept, strict=True):
                each.copy_(before)
            for name, value in net.named_buffers():
                value.copy_(statistics[name])
        return loss.detach()

    one, other = own_net(), own_net()
    assert fit(example("sam"), images, one) == pytest.approx(bare(images, other, update), rel=1e-5)
    assert same(one, other)


def test_distillation_is_the_bare_loop_of_its_paper(images: TrialImages, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = own_net(5).eval()
    recipe = example("distilled", "distillation")
    monkeypatch.setitem(recipe.training_step.__globals__, "load_teacher", lambda context, images: teacher)

    def update(net: nn.Module, optimizer: Any, images_BCHW: Tensor, labels_B: Tensor) -> Tensor:
        with torch.no_grad():
            soft_BK = (teacher(images_BCHW) / 4).softmax(1)
        logits_BK = net(images_BCHW)
        log_BK = (logits_BK / 4).log_softmax(1)
        divergence = (soft_BK * (soft_BK.log() - log_BK)).sum(1).mean()
        loss = 0.9 * 16 * divergence + 0.1 * functional.cross_entropy(logits_BK, labels_B)
        loss.backward()
        return loss.detach()

    one, other = own_net(), own_net()
    assert fit(recipe, images, one) == pytest.approx(bare(images, other, update), rel=1e-4)
    assert same(one, other)


def test_a_teacher_may_be_a_trial_and_its_weights_are_part_of_the_settings(
    train_trial: Callable[..., Path], catalog: zoo.Catalog, tmp_path: Path
) -> None:
    import shutil

    folder = shutil.copytree(train_trial(catalog), tmp_path / "trial")
    recipe = example("distilled", "distillation")
    hp = recipe.hyperparameters().with_overrides({"teacher": f"trial:{folder}"})
    assert len(hp.teacher_digest) == 64
    again = recipe.hyperparameters().with_overrides(hp.model_dump(mode="json"))
    assert again.teacher_digest == hp.teacher_digest
    classifier = zoo.load_classifier(folder, device="cpu")
    card = classifier.card

    class Context:
        device, cache, num_classes = torch.device("cpu"), {}, len(card.classes)
        mean, std = tuple(0.1 + each for each in card.mean), tuple(2 * each for each in card.std)

    Context.hp = hp
    pixels = torch.rand(2, card.channels, card.image_size, card.image_size)

    def normalised(mean: Any, std: Any) -> Tensor:
        return (pixels - torch.tensor(mean).view(1, -1, 1, 1)) / torch.tensor(std).view(1, -1, 1, 1)

    found = recipe.training_step.__globals__["load_teacher"](Context, normalised(Context.mean, Context.std))
    with torch.inference_mode():
        logits = found(normalised(Context.mean, Context.std))
        assert torch.allclose(logits, classifier(normalised(card.mean, card.std)), atol=1e-4)
    (folder / "checkpoint.safetensors").write_bytes(b"others")
    with pytest.raises(zoo.errors.UsageError, match="are others than those that this training began with"):
        recipe.hyperparameters().with_overrides(hp.model_dump(mode="json"))


def test_an_auxiliary_head_counts_with_its_weight(images: TrialImages) -> None:
    sources = Sources(files=(str(EXAMPLES / "auxiliary.py"),), entry_points=False)
    catalog = build_catalog(sources)
    request = zoo.ModelRequest(num_classes=NUM_CLASSES, image_size=8)

    def net() -> nn.Module:
        torch.manual_seed(0)
        return catalog.architectures.get("two_headed").record.build(request)

    def update(net: nn.Module, optimizer: Any, images_BCHW: Tensor, labels_B: Tensor) -> Tensor:
        logits_BK, auxiliary_BK = net(images_BCHW)
        loss = functional.cross_entropy(logits_BK, labels_B) + 0.3 * functional.cross_entropy(auxiliary_BK, labels_B)
        loss.backward()
        return loss.detach()

    one, other = net(), net()
    assert fit(catalog.recipes.get("auxiliary").record, images, one) == pytest.approx(
        bare(images, other, update), rel=1e-5
    )
    assert same(one, other)


def test_the_contrastive_loss_is_that_of_a_double_loop() -> None:
    loss_of = example("contrastive").training_step.__globals__["contrastive_loss"]
    torch.manual_seed(0)
    features, labels = torch.randn(6, 5), torch.tensor([0, 1, 0, 2, 1, 0])
    unit = features / features.norm(dim=1, keepdim=True)
    expected = 0.0
    for i in range(6):
        mates = [p for p in range(6) if p != i and labels[p] == labels[i]]
        total = sum(torch.exp(unit[i] @ unit[a] / 0.1) for a in range(6) if a != i)
        if mates:
            expected += -sum(torch.log(torch.exp(unit[i] @ unit[p] / 0.1) / total) for p in mates) / len(mates)
    assert loss_of(features, labels, temperature=0.1).item() == pytest.approx(float(expected) / 6, rel=1e-5)


def test_schedule_free_weights_are_the_average_of_its_paper(images: TrialImages) -> None:
    recipe = example("schedule_free")
    torch.manual_seed(0)
    net = nn.Linear(3, 2)
    optimizer = recipe.make_optimizer(net, Hyperparameters(lr=0.1, momentum=0.9))
    x = z = net.weight.detach().clone()
    inputs, labels = torch.randn(8, 3), torch.arange(8) % 2
    for step in range(1, 6):
        optimizer.train()
        y = 0.1 * z + 0.9 * x
        assert torch.allclose(net.weight, y, atol=1e-6)
        optimizer.zero_grad()
        functional.cross_entropy(net(inputs), labels).backward()
        z = z - 0.1 * net.weight.grad
        x = (1 - 1 / step) * x + z / step
        optimizer.step()
        optimizer.eval()
        assert torch.allclose(net.weight, x, atol=1e-6)


MORE = pytest.mark.parametrize(
    "more", [{}, {"accumulate_steps": 2, "ema_decay": 0.9}], ids=["plain", "with EMA and micro-batches"]
)


@pytest.mark.parametrize(
    ("name", "file"), [("sam", ""), ("contrastive", ""), ("schedule_free", ""), ("label_mixing", "schedule_free")]
)
@MORE
def test_a_resumed_training_ends_with_the_same_bits(name: str, file: str, more: dict, images: TrialImages) -> None:
    recipe, states = example(name, file), []
    whole, resumed = own_net(dropout=0.1), own_net(99, dropout=0.1)
    losses = fit(recipe, images, whole, given=more, save=lambda state: states.append(state.to_bytes()))
    assert losses[-1] < losses[0]
    fit(recipe, images, resumed, given=more, state=TrainingState.from_bytes(states[0]))
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@MORE
def test_a_resumed_distillation_ends_with_the_same_bits(
    more: dict, images: TrialImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The teacher is loaded anew, since what a context keeps is gone after a resume."""
    recipe, states, loaded = example("distilled", "distillation"), [], []

    def load_teacher(context: Any, images_BCHW: Tensor) -> nn.Module:
        loaded.append(context.epoch)
        with torch.random.fork_rng(devices=[]):  # as zoo.load_classifier does
            return own_net(5).eval()

    monkeypatch.setitem(recipe.training_step.__globals__, "load_teacher", load_teacher)
    whole, resumed = own_net(dropout=0.1), own_net(99, dropout=0.1)
    fit(recipe, images, whole, given=more, save=lambda state: states.append(state.to_bytes()))
    fit(recipe, images, resumed, given=more, state=TrainingState.from_bytes(states[0]))
    assert loaded == [1, 2]
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@MORE
def test_a_resumed_training_with_auxiliary_heads_ends_with_the_same_bits(more: dict, images: TrialImages) -> None:
    catalog = build_catalog(Sources(files=(str(EXAMPLES / "auxiliary.py"),), entry_points=False))
    build = catalog.architectures.get("two_headed").record.build
    recipe, states = catalog.recipes.get("auxiliary").record, []
    whole, resumed = (build(zoo.ModelRequest(num_classes=NUM_CLASSES, image_size=8)) for _ in range(2))
    fit(recipe, images, whole, given=more, save=lambda state: states.append(state.to_bytes()))
    fit(recipe, images, resumed, given=more, state=TrainingState.from_bytes(states[0]))
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("name", "file", "function"),
    [
        ("sam", "", "training_step"),
        ("distilled", "distillation", "training_step"),
        ("auxiliary", "", "training_step"),
        ("contrastive", "", "training_step"),
        ("schedule_free", "", "make_optimizer"),
        ("label_mixing", "schedule_free", "on_epoch_start"),
    ],
)
def test_seeds_that_cannot_train_together_say_why(name: str, file: str, function: str, images: TrialImages) -> None:
    recipe = example(name, file)
    resolved = ResolvedRecipe(recipe=recipe, hp=recipe.hyperparameters())
    assert obstacle(resolved, settings_for(images)) == f"the recipe has its own {function}"


def bench_of(name: str, file: str, model: str, out: Path, **options: Any) -> zoo.BenchResult:
    return zoo.bench(
        model, "digits", name, seeds=1, epochs=2, limit_train=200, limit_test=50, measure_seconds=0, device="cpu",
        plugins=[EXAMPLES / f"{file or name}.py"], no_plugins=True, show="nothing", out=out, **options,
    )  # fmt: skip


def losses_in(result: zoo.BenchResult) -> list[float]:
    (record,) = result.records
    rows = read_history(result.store / record.trial_id / "history.jsonl")
    return [row[name] for row in rows if row["event"] == "epoch" for name in ("train_loss", "val_loss")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "file", "model"),
    [
        ("auxiliary", "", "two_headed"),
        ("schedule_free", "", "lenet5"),
        ("label_mixing", "schedule_free", "lenet5"),
        ("distilled", "distillation", "lenet5"),
    ],
)
def test_two_processes_train_what_one_does(name: str, file: str, model: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {}
    if name == "distilled":
        (teacher,) = bench_of("sgd_quick", "distillation", "linear", tmp_path / "teacher").records
        options["set"] = {"recipe.teacher": f"trial:{tmp_path / 'teacher' / teacher.trial_id}"}
    alone = bench_of(name, file, model, tmp_path / "alone", **options)
    together = bench_of(name, file, model, tmp_path / "together", gpus_per_trial=2, **options)
    assert (alone.problems, together.problems) == ((), ())
    assert losses_in(together) == pytest.approx(losses_in(alone), rel=1e-2)


@pytest.mark.slow
def test_on_several_devices_sam_says_why_not_and_contrasts_are_those_of_each_device(tmp_path: Path) -> None:
    (problem,) = bench_of("sam", "", "lenet5", tmp_path / "sam", gpus_per_trial=2).problems
    assert "training_step takes gradients itself, which several devices cannot share" in problem
    assert bench_of("contrastive", "", "lenet5", tmp_path / "contrast", gpus_per_trial=2).problems == ()
