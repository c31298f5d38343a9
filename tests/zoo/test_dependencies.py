"""Dependencies: what a record may declare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import zoo
from zoo import Architecture, Recipe, dependencies
from zoo.dependencies import extras, how_to_install, missing_libraries, missing_sentence, require_libraries
from zoo.errors import UsageError


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"files": "a.yaml"}, "files must be a tuple of strings, got 'a.yaml'"),
        ({"libraries": ["timm"]}, r"libraries must be a tuple of strings, got \['timm'\]"),
        ({"files": ("",)}, "files must be a tuple of strings"),
        ({"files": ("/data/a.yaml",)}, "the path '/data/a.yaml' of a data file must be relative to the plugin's file"),
    ],
)
def test_a_record_declares_relative_paths_and_names(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"architecture 'net': {message}"):
        Architecture(name="net", build=lambda request: None, **fields)  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match=f"recipe 'r': {message}"):
        Recipe(name="r", hyperparameters=zoo.Hyperparameters, **fields)


def test_they_are_kept() -> None:
    made = Architecture(name="net", build=lambda r: None, files=("a/b.yaml",), libraries=("timm",))  # type: ignore[arg-type,return-value]
    assert (made.files, made.libraries) == (("a/b.yaml",), ("timm",))


def test_what_is_not_installed_is_named_with_the_extra_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        dependencies,
        "extras",
        lambda: {"all": frozenset({"no-such-a", "no-such-b", "c"}), "some": frozenset({"no-such-a", "no-such-b"})},
    )
    with pytest.raises(UsageError) as caught:
        require_libraries(("numpy", "no_such.A", "no-such-b"), "runtime 'fast'")
    assert str(caught.value) == (
        "runtime 'fast' needs no_such.A and no-such-b, which are not installed: pip install 'zoobench[some]'"
    )
    assert how_to_install(["no-such-a", "elsewhere"]) == "pip install no-such-a elsewhere"


def test_what_is_installed_is_not_missing() -> None:
    require_libraries(("numpy", "scikit-learn", "torch"), "recipe 'r'")
    assert missing_sentence((), "recipe 'r'") == ""
    assert missing_libraries(("no-such-library", "numpy", "no-such-library")) == ["no-such-library"]


def test_a_module_of_its_name_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The distribution onnxruntime-gpu has the module onnxruntime."""
    (tmp_path / "another_name.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert missing_libraries(("another-name", "a name with spaces")) == ["a name with spaces"]


def test_extras_are_those_of_the_distribution() -> None:
    assert extras()["onnx"] == {"onnx", "onnxruntime", "onnxscript"}
    assert extras()["mlflow"] == {"mlflow"}


@pytest.mark.parametrize(
    "make",
    [
        lambda libraries: zoo.Listener(name="x", open=print, libraries=libraries),
        lambda libraries: zoo.Metric(name="x", compute=print, libraries=libraries),
        lambda libraries: zoo.ReportFormat(name="x", render=str, libraries=libraries),
        lambda libraries: zoo.Dataset(name="x", load=print, libraries=libraries),
        lambda libraries: zoo.Executor(name="x", open=print, libraries=libraries),
    ],
)
def test_other_records_declare_libraries(make: Any) -> None:
    assert make(("numpy",)).libraries == ("numpy",)
    with pytest.raises(ValueError, match="libraries must be a tuple of strings, got 'numpy'"):
        make("numpy")
