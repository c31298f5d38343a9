"""Weight files: checkpoints of other tools are read without running their code, and other files are named."""

from __future__ import annotations

import argparse
import pickle
import zipfile
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from harness.classifiers.weight_files import read_state_dict
from zoo.errors import StoreError, UsageError

WEIGHTS = {"fc.weight": torch.ones(2, 3), "fc.bias": torch.zeros(2)}
EMA = {name: value + 1 for name, value in WEIGHTS.items()}


def saved(tmp_path: Path, content: Any, **options: Any) -> Path:
    path = tmp_path / "theirs.pth"
    torch.save(content, path, **options)
    return path


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_a_checkpoint_of_timms_training_script_is_read(tmp_path: Path, zipped: bool) -> None:
    """timm's CheckpointSaver stores its arguments and the metric, a NumPy scalar, beside weights and EMA weights."""
    content = {
        "epoch": 3,
        "arch": "resnet18",
        "state_dict": WEIGHTS,
        "state_dict_ema": EMA,
        "args": argparse.Namespace(output=Path("runs"), lr=0.1, mean=(0.5,)),
        "metric": np.float64(76.5),
        "optimizer": {"state": {0: {"momentum_buffer": torch.ones(2)}}, "param_groups": [{"lr": np.float32(0.1)}]},
    }
    path = saved(tmp_path, content, _use_new_zipfile_serialization=zipped)
    state = read_state_dict(path)
    assert torch.equal(state.tensors["fc.bias"], WEIGHTS["fc.bias"])
    assert state.notes == ("weights were taken from the key 'state_dict'; the file also has 'state_dict_ema' (--key)",)
    assert torch.equal(read_state_dict(path, key="state_dict_ema").tensors["fc.bias"], EMA["fc.bias"])


def test_a_checkpoint_of_torchvisions_training_script_is_read(tmp_path: Path) -> None:
    """torchvision's references store ``model``, ``model_ema`` and ``args``; others add defaultdicts and paths."""
    content = {
        "model": WEIGHTS,
        "optimizer": {"state": {}, "param_groups": []},
        "args": argparse.Namespace(output_dir=Path("out"), device="cuda"),
        "history": defaultdict(list, {"loss": [np.float32(1.0), np.array([1, 2])]}),
        "model_ema": {"n_averaged": torch.tensor(7), **{f"module.{name}": value for name, value in EMA.items()}},
    }
    path = saved(tmp_path, content)
    assert set(read_state_dict(path).tensors) == set(WEIGHTS)
    assert "n_averaged" in read_state_dict(path, key="model_ema").tensors


def test_weights_two_levels_down_have_a_dotted_key(tmp_path: Path) -> None:
    path = saved(tmp_path, {"checkpoint": {"student": WEIGHTS, "teacher": EMA}, "step": torch.tensor(3)})
    assert "'checkpoint.student'; the file also has 'checkpoint.teacher'" in read_state_dict(path).notes[0]
    assert torch.equal(read_state_dict(path, key="checkpoint.teacher").tensors["fc.bias"], EMA["fc.bias"])
    with pytest.raises(UsageError, match=r"no weights under the key 'x'; it has 'checkpoint\.student'"):
        read_state_dict(path, key="x")


class Ordinary:
    """What a script's own class looks like in a pickle."""


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("touched"),))


def test_classes_that_are_not_read_are_named(tmp_path: Path) -> None:
    path = saved(tmp_path, {"state_dict": WEIGHTS, "args": argparse.Namespace(), "config": Ordinary()})
    with pytest.raises(StoreError, match=r"holds more than tensors \(\S*test_weight_files\.Ordinary\)"):
        read_state_dict(path)


def test_a_whole_network_is_called_that(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"a whole network .* save its state_dict\(\) alone"):
        read_state_dict(saved(tmp_path, nn.Linear(2, 2)))


@pytest.mark.parametrize(
    "wrap", [lambda evil: evil, lambda evil: argparse.Namespace(evil=evil)], ids=["bare", "inside"]
)
def test_no_code_in_a_pickle_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrap: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError):
        read_state_dict(saved(tmp_path, {"state_dict": WEIGHTS, "evil": wrap(Evil())}))
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(wrap(Evil())))
    with pytest.raises(StoreError):
        read_state_dict(tmp_path / "raw.pth")
    assert not (tmp_path / "touched").exists()


def test_stand_ins_are_gone_after_reading(tmp_path: Path) -> None:
    before = set(torch.serialization.get_safe_globals())
    read_state_dict(saved(tmp_path, {"state_dict": WEIGHTS, "args": argparse.Namespace()}))
    assert set(torch.serialization.get_safe_globals()) == before


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 102\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (LFS, "is a Git LFS pointer, not the file itself; fetch it with git lfs pull"),
        (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page; download the file itself"),
        (b"<html><head></head></html>", "is a web page"),
        (
            b'{"metadata": {"total_size": 9}, "weight_map": {"w": "../../etc/passwd"}}',
            "lists the files of weights that",
        ),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "is an HDF5 file"),
        (b"\x1f\x8b" + bytes(100), "is compressed"),
        (b"epoch 1 accuracy 0.5\n", "is text, and holds no weights"),
        (b'{"architecture": "resnet18"}', "is text, and holds no weights"),
        (b'<?xml version="1.0"?><net name="x"></net>', "is text, and holds no weights"),
        (bytes(257) + b"ustar" + bytes(300), "is a tar file; unpack it first"),
        (b"PK\x03\x04 torn", "truncated or damaged"),
        (b"\x93NUMPY" + bytes(100), "is a NumPy array"),
        (b"GGUF" + bytes(100), "is a GGUF file"),
        (b"\x1c\0\0\0TFL3" + bytes(100), "is a TensorFlow Lite file"),
        (bytes(100), "was not written by torch.save or safetensors"),
        (pickle.dumps({"a": [1.5]}), "was written by pickle and not by torch.save; if you trust it"),
    ],
)
@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_other_files_are_called_what_they_are(content: bytes, words: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StoreError) as caught:
        read_state_dict(tmp_path / name)
    assert words in str(caught.value)


def test_numpy_archives_torchscript_and_exported_programs_come_with_a_remedy(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", weight=np.ones(2))
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:  # as torch.jit.save lays it out
        for name in ("script/data.pkl", "script/code/__torch__.py", "script/constants.pkl", "script/version"):
            archive.writestr(name, "")
    torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), tmp_path / "x.pt2")
    for name, words in (
        ("x.npz", r"NumPy arrays \(\.npz\).*torch\.from_numpy"),
        ("script.pt", r"TorchScript file.*torch\.jit\.load"),
        ("x.pt2", r"torch\.export program.*state_dict"),
    ):
        with pytest.raises(StoreError, match=words):
            read_state_dict(tmp_path / name)


@pytest.mark.parametrize(
    "content", [b"J", b"G\0", b"\x80\x02M\x01", b"X\1", b"\x8a", b"\x80\x02]", b"PK\3\4", b"\x80\x04\x95"]
)
def test_a_pickle_that_breaks_off_is_one_sentence_whatever_its_reader_raises(content: bytes, tmp_path: Path) -> None:
    """torch raises struct.error, IndexError and others besides UnpicklingError."""
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(StoreError, match=r"x\.pt .*truncated or damaged.*; copy or download it again"):
        read_state_dict(tmp_path / "x.pt")


@pytest.mark.parametrize("name", ["x.pt", "x.safetensors"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_download_that_broke_off_is_to_be_fetched_again(name: str, share: float, tmp_path: Path) -> None:
    """Such files come from broken downloads; torch speaks of a "central directory" and a "miniz error"."""
    write = save_file if name.endswith(".safetensors") else torch.save
    write({"weight": torch.rand(64, 64)}, tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(StoreError, match=r"truncated or damaged \(.+\); copy or download it again") as caught:
        read_state_dict(tmp_path / name)
    assert "miniz" not in str(caught.value)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read: No such file"):
        read_state_dict(tmp_path / "x.pt")


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2], torch.zeros(3), {0: torch.zeros(3)}])
def test_a_file_without_a_state_dict_is_one_sentence(content: Any, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no state dict"):
        read_state_dict(saved(tmp_path, content))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: torch.empty(2, 3, device="meta"), r"empty \(meta\)"),
        (lambda: torch.zeros(2, 3).to_sparse(), "sparse"),
        (lambda: torch.zeros(2, 3, dtype=torch.complex64), "complex"),
    ],
)
def test_tensors_that_no_network_takes_are_named(make: Callable[[], torch.Tensor], kind: str, tmp_path: Path) -> None:
    torch.save({"state_dict": {"bias": torch.zeros(2), "weight": make()}}, tmp_path / "x.pt")
    with pytest.raises(StoreError, match=f"holds the {kind} tensor 'weight'; zoo imports dense tensors"):
        read_state_dict(tmp_path / "x.pt")


def test_an_archive_around_a_checkpoint_and_a_folder_are_called_what_they_are(tmp_path: Path) -> None:
    """Resembles reports of checkpoints zipped for a release page, and of ``save_pretrained`` folders."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(saved(tmp_path, WEIGHTS), "net.pt")
    with pytest.raises(StoreError, match=r"x.zip is a zip archive; unpack it first"):
        read_state_dict(tmp_path / "x.zip")
    with pytest.raises(StoreError, match=r"name the file of weights in it"):
        read_state_dict(tmp_path)


def test_numpy_arrays_come_with_a_remedy_and_histories_are_skipped(tmp_path: Path) -> None:
    """Resembles MMEngine's message hub, whose histories are deques, in a checkpoint."""
    with pytest.raises(StoreError, match=r"turn NumPy arrays into tensors with torch.from_numpy first"):
        read_state_dict(saved(tmp_path, {"w": np.ones(2)}))
    extras = {"history": deque([1.0, 2.0], maxlen=5), "frozen": frozenset({"head"})}
    assert read_state_dict(saved(tmp_path, {"state_dict": WEIGHTS, **extras})).tensors.keys() == WEIGHTS.keys()


@pytest.mark.parametrize(
    ("name", "words"), [("x.msgpack", "as Flax writes it"), ("__0_0.distcp", "dcp_to_torch FOLDER")]
)
def test_files_of_other_tools_are_known_by_their_suffix(name: str, words: str, tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / name)
    with pytest.raises(StoreError, match=words):
        read_state_dict(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            {"epoch": 3, "optimizer": {"state": {}, "param_groups": []}},
            "it has 'epoch', 'optimizer'; save network.state",
        ),
        ({}, "it is empty"),
        ([torch.zeros(1)], "it is of the type list"),
    ],
)
def test_what_a_file_without_weights_has_is_named(content: object, words: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=words):
        read_state_dict(saved(tmp_path, content))


def test_weights_are_found_three_levels_down(tmp_path: Path) -> None:
    found = read_state_dict(saved(tmp_path, {"checkpoint": {"model": {"state_dict": WEIGHTS}}}))
    assert found.tensors.keys() == WEIGHTS.keys()
    assert "'checkpoint.model.state_dict'" in found.notes[0]


def test_a_file_in_the_older_format_of_torch_is_no_plain_pickle(tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "x.pth", _use_new_zipfile_serialization=False)
    assert read_state_dict(tmp_path / "x.pth").tensors.keys() == WEIGHTS.keys()
    (tmp_path / "x.pth").write_bytes((tmp_path / "x.pth").read_bytes()[:60] + b".")
    with pytest.raises(StoreError, match="truncated or damaged"):
        read_state_dict(tmp_path / "x.pth")
