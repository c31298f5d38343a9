"""Foreign ONNX files: whatever they ask for, the answer is one sentence, and this process takes no memory for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.classifiers.given import read_given
from harness.classifiers.onnx import load_onnx
from harness.classifiers.onnx_files import try_onnx
from zoo import Catalog
from zoo.errors import StoreError

pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")

Write = Callable[..., Path]
CARD = json.dumps({"channels": 3, "image_size": 8})
HUGE = 8 * 10**9


def node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> Any:
    return onnx.helper.make_node(kind, list(inputs), [output], **attributes)


def integers(name: str, values: Any) -> Any:
    import numpy as np

    return onnx.numpy_helper.from_array(np.array(values, dtype=np.int64), name)


MEAN = node("ReduceMean", ["images"], "mean", axes=[2, 3], keepdims=0)
PRODUCT = node("MatMul", ["mean", "weights"], "logits")


def added(kind: str, *inputs: str, **attributes: Any) -> list[Any]:
    """Return the nodes of a network that adds the sum of what a node makes."""
    return [
        MEAN,
        node(kind, inputs, "big", **attributes),
        node("ReduceSum", ["big"], "sum", keepdims=0),
        node("MatMul", ["mean", "weights"], "product"),
        node("Add", ["product", "sum"], "logits"),
    ]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file with a card, weights ``[3, 10]``, and what else is given."""

    def write(nodes: Sequence[Any] = (MEAN, PRODUCT), *tensors: Any, card: str = CARD, weights: Any = None) -> Path:
        import numpy as np

        make = onnx.helper.make_tensor_value_info
        own = onnx.numpy_helper.from_array(np.ones((3, 10), dtype=np.float32), "weights")
        graph = onnx.helper.make_graph(
            list(nodes),
            "net",
            [make("images", onnx.TensorProto.FLOAT, ["batch", 3, 8, 8])],
            [make("logits", onnx.TensorProto.FLOAT, ["batch", 10])],
            [own if weights is None else weights, *tensors],
        )
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
        onnx.helper.set_model_props(model, {"zoo": card})
        (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
        return tmp_path / "net.onnx"

    return write


def test_a_file_that_asks_for_nothing_special_has_its_metadata(write: Write) -> None:
    assert try_onnx(write()) == {"zoo": CARD}
    assert try_onnx(write(card="{")) == {"zoo": "{"}


def _doubling() -> list[Any]:
    nodes, last = [MEAN], "mean"
    for number in range(34):
        nodes.append(node("Concat", [last, last], f"twice{number}", axis=0))
        last = f"twice{number}"
    return [*nodes, node("MatMul", [last, "weights"], "logits")]


BOMBS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "made while it is loaded": lambda: (added("ConstantOfShape", "shape"), integers("shape", [HUGE])),
    "expanded": lambda: (
        added("Expand", "one", "shape"),
        integers("shape", [HUGE]),
        onnx.helper.make_tensor("one", onnx.TensorProto.FLOAT, [1], [1.0]),
    ),
    "expanded from the images": lambda: (added("Expand", "mean", "shape"), integers("shape", [10**9, 1, 1])),
    "tiled from the images": lambda: (added("Tile", "mean", "times"), integers("times", [10**5, 10**4])),
    "doubled again and again": lambda: (_doubling(),),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_one_that_asks_for_much_memory_is_refused_with_a_sentence(write: Write, kind: str, catalog: Catalog) -> None:
    path = write(*BOMBS[kind]())
    assert path.stat().st_size < 10_000
    before = _memory()
    for load in (try_onnx, load_onnx, lambda path: read_given(f"onnx:{path}", catalog)):
        with pytest.raises(StoreError, match=r"classifying two images with it takes more than 1 GB besides"):
            load(path)
    assert _memory() - before < 100 * 10**6


def _memory() -> int:
    """Return the largest memory that this process has had."""
    resource = pytest.importorskip("resource")
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024


def test_one_that_never_ends_is_given_up(write: Write) -> None:
    make, types = onnx.helper.make_tensor_value_info, onnx.TensorProto
    body = onnx.helper.make_graph(
        [node("Identity", ["again"], "still"), node("Identity", ["value"], "same")],
        "body",
        [make("number", types.INT64, []), make("again", types.BOOL, []), make("value", types.FLOAT, None)],
        [make("still", types.BOOL, []), make("same", types.FLOAT, None)],
    )
    loop = node("Loop", ["times", "yes", "product"], "logits", body=body)
    path = write(
        [MEAN, node("MatMul", ["mean", "weights"], "product"), loop],
        integers("times", 2**62),
        onnx.helper.make_tensor("yes", types.BOOL, [], [True]),
    )
    with pytest.raises(StoreError, match="did not end within 3 s"):
        try_onnx(path, seconds=3)


@pytest.mark.parametrize("location", ["/etc/passwd", "../../../etc/passwd", "/dev/zero", "weights.bin"])
@pytest.mark.parametrize("inside", [False, True], ids=["at the top", "in a branch"])
def test_weights_in_other_files_are_never_read(write: Write, location: str, inside: bool) -> None:
    outside = onnx.TensorProto(name="weights", data_type=1, dims=[3, 10], data_location=1)
    outside.external_data.add(key="location", value=location)
    if inside:
        branch = onnx.helper.make_graph([node("Constant", [], "out", value=outside)], "branch", [], [])
        path = write([MEAN, PRODUCT, node("If", ["sure"], "unused", then_branch=branch, else_branch=branch)])
    else:
        path = write(weights=outside)
    with pytest.raises(StoreError, match=f"its tensor 'weights' lies in another file \\('{location}'\\)"):
        try_onnx(path)


@pytest.mark.parametrize("dims", [[2**31, 2**31], [3, 10**9], [-3, 10], [2**62, 2**62, 2**62]])
@pytest.mark.parametrize("raw", [b"", bytes(120)], ids=["without values", "with 30 values"])
def test_shapes_that_the_file_does_not_hold_are_refused(write: Write, dims: list[int], raw: bytes) -> None:
    path = write(weights=onnx.TensorProto(name="weights", data_type=1, dims=dims, raw_data=raw))
    with pytest.raises(StoreError, match=rf"its tensor 'weights' has the shape \[{dims[0]}.* but holds"):
        try_onnx(path)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\x0a" * 100_000, b"<html>"])
def test_what_is_no_onnx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(StoreError, match="cannot be run by onnxruntime"):
        try_onnx(tmp_path / "net.onnx")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_devices_and_sparse_files_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "zero.onnx").symlink_to("/dev/zero")
    with (tmp_path / "sparse.onnx").open("wb") as file:
        file.truncate(63 * 10**9)
    for name, words in (("pipe", "not a plain file"), ("zero", "not a plain file"), ("sparse", "memory that are free")):
        with pytest.raises(StoreError, match=words):
            try_onnx(tmp_path / f"{name}.onnx")
