"""Hyper-parameters: any can be overridden, and a mistake is refused before anything runs."""

from __future__ import annotations

import json
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, model_validator

from zoo.errors import ManyErrors, UnknownNameError, UsageError
from zoo.hyperparameters import Hyperparameters


class Sharpness(Hyperparameters):
    """What a plugin's recipe adds."""

    rho: float = Field(default=0.05, ge=0, description="radius of the neighbourhood")
    adaptive: bool = False

    @model_validator(mode="after")
    def _adaptive_needs_radius(self) -> Self:
        if self.adaptive and self.rho == 0:
            raise ValueError("adaptive needs a rho above 0")
        return self


def test_an_override_changes_its_key_alone_in_a_copy() -> None:
    before = Hyperparameters()
    after = before.with_overrides({"lr": 0.5})
    assert after.lr == 0.5
    assert before.lr == 0.01
    assert after.model_dump(exclude={"lr"}) == before.model_dump(exclude={"lr"})


def test_no_override_gives_an_equal_set() -> None:
    assert Hyperparameters(epochs=3).with_overrides({}) == Hyperparameters(epochs=3)


def test_a_misspelt_key_is_refused_with_near_names() -> None:
    with pytest.raises(UnknownNameError) as caught:
        Hyperparameters().with_overrides({"weight_decy": 0.1}, owner="sgd_step")
    assert caught.value.near[0] == "weight_decay"
    assert "sgd_step" in str(caught.value)


def test_all_mistakes_in_one_call_are_reported_together() -> None:
    mistakes: dict[str, Any] = {"epoch": 3, "lr": -1, "optimizer": "sdg", "momentum": 1}
    with pytest.raises(ManyErrors) as caught:
        Hyperparameters().with_overrides(mistakes, owner="r")
    text = str(caught.value)
    assert len(caught.value.errors) == 4
    assert "'epochs'" in text
    assert "r.lr = -1: input should be greater than 0" in text
    assert (
        "r.optimizer = 'sdg': input should be 'sgd', 'adam', 'adamw', 'rmsprop' or 'timm/name', did you mean sgd"
        in text
    )
    assert "r.momentum = 1" in text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", 0),
        ("epochs", 2.5),
        ("epochs", True),
        ("epochs", None),
        ("epochs", "many"),
        ("batch_size", 0),
        ("lr", 0),
        ("lr", True),
        ("lr", float("nan")),
        ("lr", float("inf")),
        ("lr", "nan"),
        ("flip", 3),
        ("crop_padding", 0.6),
        ("ema_decay", 1),
        ("schedule", "cosin"),
    ],
)
def test_a_value_outside_its_range_or_type_is_refused(key: str, value: object) -> None:
    with pytest.raises(UsageError, match=rf"recipe\.{key} = "):
        Hyperparameters().with_overrides({key: value})


@given(
    epochs=st.integers(1, 100_000),
    lr=st.floats(1e-12, 1e3),
    flip=st.booleans(),
    schedule=st.sampled_from(["constant", "step", "plateau", "onecycle", "cosine"]),
)
def test_a_record_of_them_read_back_is_the_same(epochs: int, lr: float, flip: bool, schedule: Any) -> None:
    before = Hyperparameters(epochs=epochs, lr=lr, flip=flip, schedule=schedule)
    written = json.dumps(before.model_dump(mode="json"), allow_nan=False)
    assert Hyperparameters().with_overrides(json.loads(written)) == before


def test_a_plugins_own_settings_are_overridden_and_refused_like_the_others() -> None:
    changed = Sharpness().with_overrides({"rho": 0.1, "epochs": 2})
    assert isinstance(changed, Sharpness)
    assert (changed.rho, changed.epochs) == (0.1, 2)
    with pytest.raises(UnknownNameError, match="'rho'"):
        Sharpness().with_overrides({"rh": 1})
    with pytest.raises(UsageError, match=r"recipe\.rho = True: input should be a number"):
        Sharpness().with_overrides({"rho": True})


def test_a_word_that_a_command_line_reads_as_more_than_text_is_text_again() -> None:
    assert Hyperparameters().with_overrides({"class_weights": None}).class_weights == "none"


def test_a_mistake_in_several_settings_together_is_one_sentence() -> None:
    with pytest.raises(UsageError) as caught:
        Sharpness().with_overrides({"rho": 0, "adaptive": True}, owner="sam")
    assert str(caught.value) == "sam: adaptive needs a rho above 0"


def test_they_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Hyperparameters().lr = 1


def test_each_setting_has_a_description_and_a_default_that_it_accepts() -> None:
    for name, field in Hyperparameters.model_fields.items():
        assert field.description, name
    assert Hyperparameters() == Hyperparameters.model_validate({})


def test_images_that_may_not_be_mirrored_are_not_at_test_time_either() -> None:
    views = {"one": "one", "flip": "one", "crops": "crops", "flip_crops": "crops"}
    for asked, kept in views.items():
        plain = Hyperparameters(flip=True, test_views=asked).without_mirroring()  # type: ignore[arg-type]
        assert (plain.flip, plain.test_views) == (False, kept)
