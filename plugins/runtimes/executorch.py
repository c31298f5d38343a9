"""ExecuTorch with XNNPACK on the CPU, in float32 (extra ``executorch``)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from zoo import Runtime, RuntimeRequest, hookimpl
from zoo.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.runtime import Run


def write(request: RuntimeRequest) -> Path:
    """Lower the network to XNNPACK and write it as a program (``.pte``).

    Raises:
        UsageError: If ExecuTorch is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
            from executorch.exir import to_edge_transform_and_lower
    except ImportError as error:
        raise UsageError("ExecuTorch needs executorch: pip install 'zoobench[executorch]'") from error
    import torch

    # One image: programs of a dynamic batch refused batches within the bound that they were exported with.
    example_BCHW = torch.zeros(1, request.channels, request.image_size, request.image_size)
    path = request.folder / "network.pte"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.export.export(request.network, (example_BCHW,))
        lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
        path.write_bytes(lowered.to_executorch().buffer)
    return path


def load(path: Path | None, request: RuntimeRequest) -> Run:
    """Load a program; it runs image by image. The number of threads is that of the process."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool
        from executorch.runtime import Runtime as Loader

    assert path is not None
    if request.threads:
        _unsafe_reset_threadpool(request.threads)  # unsafe while a program runs, and none does
    method = Loader.get().load_program(path).load_method("forward")

    def run(images_BCHW: Tensor) -> Tensor:
        pieces = [method.execute([piece.contiguous()])[0].clone() for piece in images_BCHW.split(1)]
        return torch.cat(pieces)

    return run


@hookimpl
def zoo_runtimes() -> Iterable[Runtime]:
    """Yield ``executorch``."""
    yield Runtime(
        name="executorch",
        convert=write,
        load=load,
        libraries=("torch", "executorch"),
        summary="ExecuTorch with XNNPACK on the CPU, float32, image by image",
        source="https://docs.pytorch.org/executorch",
    )
