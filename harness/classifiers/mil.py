"""Programs of Core ML, evaluated by torch one operation after the other: Core ML itself predicts on macOS only.

A program is read from a package as it was written, with its weights, so that errors of the conversion show. What an
operation computes is described in its class in ``coremltools.converters.mil.mil.ops.defs``; those that are not named
here are left to the constant folding of coremltools, which knows most elementwise operations and changes of shape.

Shape suffixes: B images, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from zoo.errors import ZooError

Inputs = defaultdict[str, Any]
"""Inputs of an operation by name: tensors for numbers, anything else as coremltools has it; None if left out."""


class UnknownOperationError(ZooError):
    """An operation of the program cannot be evaluated here."""


class Program:
    """A classifier's program, with its input ``image`` and its class labels."""

    def __init__(self, package: Path) -> None:
        import coremltools
        from coremltools.converters.mil.frontend.milproto.load import load

        self.spec = coremltools.models.utils.load_spec(str(package))
        weights = package / "Data" / "com.apple.CoreML" / "weights"
        program = load(
            model_spec=self.spec,
            specification_version=self.spec.specificationVersion,
            file_weights_dir=str(weights),
        )
        self._function = program.functions["main"]
        (self._classify,) = (op for op in self._function.operations if op.op_type == "classify")
        self._constants = {
            op.outputs[0]: _tensor_if_numeric(op.outputs[0].val)
            for op in self._function.operations
            if op.op_type == "const"
        }

    @property
    def num_weights(self) -> int:
        """Numbers among the constants: weights, and the few settings of operations."""
        return sum(each.numel() for each in self._constants.values() if isinstance(each, Tensor))

    @property
    def classes(self) -> tuple[str, ...]:
        """Class labels in the order of the logits."""
        return tuple(map(str, self._classify.classes.val))

    def logits(self, pixels_BCHW: Tensor) -> Tensor:
        """Return logits ``[B, K]`` of images with pixels from 0 to 255, in float32, one image at a time.

        Raises:
            UnknownOperationError: If an operation cannot be evaluated.
        """
        return torch.cat([self._logits_of(pixels_1CHW) for pixels_1CHW in pixels_BCHW.float().split(1)])

    def _logits_of(self, pixels_1CHW: Tensor) -> Tensor:
        (image,) = self._function.inputs.values()
        values: dict[Any, Any] = {**self._constants, image: pixels_1CHW}
        probabilities = self._classify.probabilities.op
        if probabilities.op_type != "softmax":
            raise UnknownOperationError(f"probabilities come from {probabilities.op_type}, not from softmax")
        for op in self._function.operations:
            if op is probabilities:
                break
            if op.op_type != "const":
                inputs = {name: _value_of(var, values) for name, var in op.inputs.items()}
                outputs = _evaluate(op, defaultdict(lambda: None, inputs))
                values.update(zip(op.outputs, outputs))
        logits_1K: Tensor = values[probabilities.x]
        return logits_1K


def _value_of(var: Any, values: Mapping[Any, Any]) -> Any:
    if isinstance(var, (list, tuple)):
        return [values[each] for each in var]
    return None if var is None else values[var]


def _tensor_if_numeric(value: Any) -> Any:
    array = np.asarray(value)
    return torch.from_numpy(np.array(array)) if array.dtype.kind in "fiu" else value


def _evaluate(op: Any, inputs: Inputs) -> list[Tensor]:
    if op.op_type in _OPERATIONS:
        return [_OPERATIONS[op.op_type](inputs | {"shape_of_output": op.outputs[0].shape})]
    return _folded(op, inputs)


def _folded(op: Any, inputs: Inputs) -> list[Tensor]:
    """Evaluate an operation as coremltools does if all of its inputs are constants."""
    import coremltools
    from coremltools.converters.mil.mil import Builder, Function

    given = {name: _array(value) for name, value in inputs.items() if value is not None}
    with Function({}, opset_version=coremltools.target.iOS15):
        made = getattr(Builder, op.op_type)(**given)
    outputs = made if isinstance(made, (list, tuple)) else (made,)
    if any(each.val is None for each in outputs):
        raise UnknownOperationError(
            f"its operation {op.op_type!r} cannot be evaluated without macOS; zoo knows "
            f"{', '.join(sorted(_OPERATIONS))}, and what coremltools folds"
        )
    return [torch.from_numpy(np.array(each.val)) for each in outputs]


def _array(value: Any) -> Any:
    if isinstance(value, list):
        return [_array(each) for each in value]
    # A copy, because some of these operations write into their input.
    return np.array(value.numpy()) if isinstance(value, Tensor) else value


def _ints(value: Tensor | None, default: int, count: int) -> list[int]:
    return [default] * count if value is None else [int(each) for each in value]


def _padded(inputs: Inputs, kernel: list[int], dilations: list[int], fill: float) -> Tensor:
    """Return the input of a convolution or pooling with its padding."""
    x: Tensor = inputs["x"]
    kind, count = inputs["pad_type"] or "valid", len(kernel)
    if kind == "valid":
        return x
    if kind == "custom":
        pads = _ints(inputs["pad"], 0, 2 * count)
    else:  # same, or same_lower, which has the odd pixel before the image
        pads = []
        strides, sizes = _ints(inputs["strides"], 1, count), inputs["shape_of_output"][2:]
        for size, wanted, stride, width, dilation in zip(x.shape[2:], sizes, strides, kernel, dilations, strict=True):
            total = max((wanted - 1) * stride + (width - 1) * dilation + 1 - size, 0)
            before = total // 2 if kind == "same" else total - total // 2
            pads += [before, total - before]
    if not any(pads):
        return x
    # torch names the last dimension first.
    pairs = [pads[2 * place : 2 * place + 2] for place in reversed(range(count))]
    return functional.pad(x, [each for pair in pairs for each in pair], value=fill)


_CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d}
_MAXIMA = {1: functional.max_pool1d, 2: functional.max_pool2d}
_MEANS = {1: functional.avg_pool1d, 2: functional.avg_pool2d}


def _conv(inputs: Inputs) -> Tensor:
    weight = inputs["weight"]
    count = weight.ndim - 2
    dilations = _ints(inputs["dilations"], 1, count)
    x = _padded(inputs, list(weight.shape[2:]), dilations, 0.0)
    groups = 1 if inputs["groups"] is None else int(inputs["groups"])
    strides = _ints(inputs["strides"], 1, count)
    return _CONVOLUTIONS[count](x, weight, inputs["bias"], strides, 0, dilations, groups)


def _max_pool(inputs: Inputs) -> Tensor:
    kernel, strides = _window(inputs)
    x = _padded(inputs, kernel, [1] * len(kernel), -torch.inf)
    return _MAXIMA[len(kernel)](x, kernel, strides, ceil_mode=bool(inputs["ceil_mode"]))


def _avg_pool(inputs: Inputs) -> Tensor:
    kernel, strides = _window(inputs)
    if bool(inputs["ceil_mode"]) and inputs["pad_type"] != "valid":
        raise UnknownOperationError("its operation 'avg_pool' with padding and ceil_mode cannot be evaluated here")
    mean = _MEANS[len(kernel)]
    x = _padded(inputs, kernel, [1] * len(kernel), 0.0)
    pooled = mean(x, kernel, strides, ceil_mode=bool(inputs["ceil_mode"]))
    if not bool(inputs["exclude_padding_from_average"]):
        return pooled
    inside = _padded(inputs | {"x": torch.ones_like(inputs["x"])}, kernel, [1] * len(kernel), 0.0)
    return pooled / mean(inside, kernel, strides, ceil_mode=bool(inputs["ceil_mode"]))


def _window(inputs: Inputs) -> tuple[list[int], list[int]]:
    kernel = [int(each) for each in inputs["kernel_sizes"]]
    return kernel, _ints(inputs["strides"], 1, len(kernel))


def _batch_norm(inputs: Inputs) -> Tensor:
    statistics = (inputs["mean"], inputs["variance"], inputs["gamma"], inputs["beta"])
    return functional.batch_norm(inputs["x"], *statistics, eps=float(inputs["epsilon"]))


def _layer_norm(inputs: Inputs) -> Tensor:
    x: Tensor = inputs["x"]
    axes = sorted(int(axis) % x.ndim for axis in inputs["axes"])
    shape = [x.shape[axis] if axis in axes else 1 for axis in range(x.ndim)]
    centred = x - x.mean(axes, keepdim=True)
    scaled = centred / (centred.square().mean(axes, keepdim=True) + float(inputs["epsilon"])).sqrt()
    gamma, beta = inputs["gamma"], inputs["beta"]
    scaled = scaled if gamma is None else scaled * gamma.reshape(shape)
    return scaled if beta is None else scaled + beta.reshape(shape)


def _instance_norm(inputs: Inputs) -> Tensor:
    weights = {"weight": inputs["gamma"], "bias": inputs["beta"]}
    return functional.instance_norm(inputs["x"], eps=float(inputs["epsilon"]), **weights)


def _matmul(inputs: Inputs) -> Tensor:
    x: Tensor = inputs["x"]
    y: Tensor = inputs["y"]
    x = x.transpose(-1, -2) if bool(inputs["transpose_x"]) else x
    return torch.matmul(x, y.transpose(-1, -2) if bool(inputs["transpose_y"]) else y)


def _gelu(inputs: Inputs) -> Tensor:
    x: Tensor = inputs["x"]
    mode = inputs["mode"]
    if mode == "SIGMOID_APPROXIMATION":
        return x * torch.sigmoid(1.702 * x)
    return functional.gelu(x, approximate="tanh" if mode == "TANH_APPROXIMATION" else "none")


def _sigmoid_hard(inputs: Inputs) -> Tensor:
    shifted: Tensor = inputs["alpha"] * inputs["x"] + inputs["beta"]
    return shifted.clamp(0, 1)


def _thresholded_relu(inputs: Inputs) -> Tensor:
    x: Tensor = inputs["x"]
    return torch.where(x >= inputs["alpha"], x, 0.0)


def _reduction(reduce: Callable[[Tensor, list[int], bool], Tensor]) -> Callable[[Inputs], Tensor]:
    def evaluate(inputs: Inputs) -> Tensor:
        x, axes = inputs["x"], inputs["axes"]
        chosen = list(range(x.ndim)) if axes is None else [int(axis) for axis in axes]
        return reduce(x, chosen, bool(inputs["keep_dims"]))

    return evaluate


_OPERATIONS: dict[str, Callable[[Inputs], Tensor]] = {
    "add": lambda inputs: inputs["x"] + inputs["y"],
    "avg_pool": _avg_pool,
    "batch_norm": _batch_norm,
    "conv": _conv,
    "gelu": _gelu,
    "instance_norm": _instance_norm,
    "layer_norm": _layer_norm,
    "linear": lambda inputs: functional.linear(inputs["x"], inputs["weight"], inputs["bias"]),
    "matmul": _matmul,
    "max_pool": _max_pool,
    "mul": lambda inputs: inputs["x"] * inputs["y"],
    "pixel_shuffle": lambda inputs: functional.pixel_shuffle(inputs["x"], int(inputs["upscale_factor"])),
    "reduce_l2_norm": _reduction(lambda x, axes, keep: torch.linalg.vector_norm(x, 2, axes, keep)),
    "reduce_max": _reduction(torch.amax),
    "reduce_mean": _reduction(torch.mean),
    "reduce_min": _reduction(torch.amin),
    "reduce_sum": _reduction(torch.sum),
    "reduce_sum_square": _reduction(lambda x, axes, keep: x.square().sum(axes, keep)),
    "relu": lambda inputs: inputs["x"].relu(),
    "reshape": lambda inputs: inputs["x"].reshape(*map(int, inputs["shape"])),
    "sigmoid": lambda inputs: inputs["x"].sigmoid(),
    "sigmoid_hard": _sigmoid_hard,
    "silu": lambda inputs: functional.silu(inputs["x"]),
    "softmax": lambda inputs: inputs["x"].softmax(int(inputs["axis"])),
    "thresholded_relu": _thresholded_relu,
    "transpose": lambda inputs: inputs["x"].permute(*map(int, inputs["perm"])),
}
"""What torch evaluates: operations that coremltools does not fold, and frequent ones, which torch does faster."""
