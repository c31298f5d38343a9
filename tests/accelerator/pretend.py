"""A pretend accelerator: a device of torch with tensors in host memory, which counts what a GPU would wait for.

It is torch's ``PrivateUse1`` device, in Python. Its results are the CPU's, bit for bit. Like a real device it refuses
operations that mix devices, has a limited memory, and raises out of memory; unlike one, it also counts copies,
synchronisations and allocations, and can be told at which allocation to fail.

Importing this registers the device. Only for a process of its own: it must be done before the first backward pass, and
before ``torch.Generator`` is derived from, and it stays.
"""

from __future__ import annotations

import types
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "pretend"
DEVICE_MEMORY = 4 * 2**30
_COPIES = ("aten::copy_", "aten::_to_copy", "aten::_copy_from")
_WAIT_FOR_SHAPES = tuple(
    f"aten::{name}" for name in ("nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive")
)
"""Operations whose result has a shape that only the device knows, so the host waits for it."""
_NOT_MADE_HERE = ("sparse", "quantized", "cudnn", "mkldnn", "nested", "from_file", "_make_dep_token")


class Accelerator:
    """The one device, with its memory and its counts."""

    def __init__(self) -> None:
        self.memory = DEVICE_MEMORY
        self.allocated = self.peak = self.allocations = 0
        self.fail_at: int | None = None
        """The allocation that fails, counted from 1; None: those that exceed the memory."""
        self.launches = 0
        """Operations on the device, views not counted."""
        self.counts: Counter[str] = Counter()
        """``to_device`` and ``to_host`` copies, ``images`` that were copied to the device, ``waits`` for it."""
        self._holders: dict[int, list[int]] = {}

    def reset_counts(self) -> None:
        self.counts.clear()
        self.allocations, self.launches, self.peak = 0, 0, self.allocated

    def hold(self, tensor: PretendTensor) -> None:
        storage = tensor.on_host.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if place not in self._holders:
            self.allocations += 1
            if self.allocations == self.fail_at or self.allocated + size > self.memory:
                raise torch.OutOfMemoryError(
                    f"pretend accelerator out of memory. Tried to allocate {size} bytes; {self.allocated} of "
                    f"{self.memory} are in use"
                )
            self._holders[place] = [0, size]
            self.allocated += size
            self.peak = max(self.peak, self.allocated)
        self._holders[place][0] += 1
        weakref.finalize(tensor, self._let_go, place)

    def _let_go(self, place: int) -> None:
        held = self._holders[place]
        held[0] -= 1
        if not held[0]:
            self.allocated -= held[1]
            del self._holders[place]

    def wait(self, device: object = None) -> None:
        self.counts["waits"] += 1


ACCELERATOR = Accelerator()


class PretendTensor(Tensor):
    """A tensor of the device: torch sees its shape, strides and device, and its values lie on the host."""

    on_host: Tensor

    @staticmethod
    def __new__(cls, on_host: Tensor) -> PretendTensor:
        with torch.inference_mode(False):  # a view of an inference tensor could not be wrapped
            tensor = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
                cls,
                on_host.shape,
                strides=on_host.stride(),
                storage_offset=on_host.storage_offset(),
                dtype=on_host.dtype,
                device=torch.device(NAME, 0),
            )
        tensor.on_host = on_host
        ACCELERATOR.hold(tensor)
        return tensor  # type: ignore[no-any-return]

    def __repr__(self, **options: Any) -> str:  # type: ignore[override]
        return f"PretendTensor({self.on_host})"

    def tolist(self) -> Any:
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    if torch.is_inference_mode_enabled() and func._can_decompose():  # in other modes, autograd has done it
        result = func.decompose(*args, **kwargs)
        if result is not NotImplemented:
            return result
    name = func._schema.name
    if not func.is_view:
        ACCELERATOR.launches += 1
    _refuse_mixed(name, args, kwargs)
    _count(name, args, kwargs)
    on_host = [tree_map_only(PretendTensor, lambda tensor: tensor.on_host, each) for each in (args, kwargs)]
    leaves = kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "cpu"
    if "device" in kwargs:
        on_host[1]["device"] = torch.device("cpu")
    with torch.inference_mode(False):
        result = func(*on_host[0], **on_host[1])
    if leaves:
        return result
    return return_and_correct_aliasing(func, args, kwargs, tree_map_only(Tensor, PretendTensor, result))


def _refuse_mixed(name: str, args: Any, kwargs: Any) -> None:
    """Refuse tensors on the host, except for copies and for single numbers, as CUDA does."""
    if name in _COPIES:
        return
    for value in tree_leaves((args, kwargs)):
        if isinstance(value, Tensor) and not isinstance(value, PretendTensor) and value.ndim > 0:
            raise RuntimeError(
                f"{name}: expected all tensors to be on the same device, but found {NAME}:0 and {value.device}"
            )


def _count(name: str, args: Any, kwargs: Any) -> None:
    counts = ACCELERATOR.counts
    if name in ("aten::copy_", "aten::_copy_from"):
        target, source = args[:2] if name == "aten::copy_" else (args[1], args[0])
        if isinstance(target, PretendTensor) and not isinstance(source, PretendTensor):
            counts["to_device"] += 1
            if source.dtype == torch.uint8 and source.ndim == 4:
                counts["images"] += len(source)
        elif isinstance(source, PretendTensor) and not isinstance(target, PretendTensor):
            counts["to_host"] += 1
            ACCELERATOR.wait()
    elif name == "aten::_to_copy" and kwargs.get("device") is not None:
        if torch.device(kwargs["device"]).type == "cpu":
            counts["to_host"] += 1
            ACCELERATOR.wait()
    elif name == "aten::_local_scalar_dense":
        counts["items"] += 1
        ACCELERATOR.wait()
    elif name in _WAIT_FOR_SHAPES or (name.startswith("aten::index") and _has_mask(args)):
        ACCELERATOR.wait()


def _has_mask(args: Any) -> bool:
    return any(isinstance(value, Tensor) and value.dtype == torch.bool for value in tree_leaves(args[1:2]))


class Generator(torch.Generator):
    """A generator that says it is on the device, and draws what the CPU's draws."""

    def __new__(cls, device: Any = "cpu") -> Generator:
        generator: Generator = super().__new__(cls, "cpu")
        generator.said = torch.device(device)
        return generator

    @property
    def device(self) -> torch.device:
        return torch.device(NAME, 0) if self.said.type == NAME else self.said


LOW_PRECISION = ("conv2d", "linear", "matmul", "mm", "addmm", "bmm", "baddbmm")
"""Operations that autocast runs in its lower precision: those of the CPU's list that networks here use."""


def _autocast(operation: Any) -> Callable[..., Tensor]:
    """Return the operation with its floating-point tensors cast, as a device's library registers it."""
    excluded = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)

    def cast(tensor: Tensor) -> Tensor:
        return tensor.to(torch.get_autocast_dtype(NAME)) if tensor.dtype == torch.float32 else tensor

    def run(*args: Any, **kwargs: Any) -> Tensor:
        ACCELERATOR.counts["autocasts"] += 1
        with torch._C._ExcludeDispatchKeyGuard(excluded):
            result: Tensor = operation(*tree_map_only(Tensor, cast, args), **tree_map_only(Tensor, cast, kwargs))
            return result

    return run


def _factory(operation: Any) -> Callable[..., Tensor]:
    def make(*args: Any, **kwargs: Any) -> Tensor:
        kwargs["device"] = torch.device("cpu")
        kwargs.pop("pin_memory", None)
        with torch.inference_mode(False):
            return PretendTensor(operation(*args, **kwargs))

    return make


def _factories() -> list[tuple[str, Any]]:
    """Return the operations that make tensors from none, and have no implementation by others."""
    found = []
    for full in torch._C._dispatch_get_all_op_names():
        if not full.startswith("aten::") or any(word in full for word in _NOT_MADE_HERE):
            continue
        name, _, overload = full.removeprefix("aten::").partition(".")
        try:
            operation = getattr(getattr(torch.ops.aten, name), overload or "default")
        except (AttributeError, RuntimeError):
            continue
        schema = operation._schema
        makes = len(schema.returns) == 1 and "Tensor" in str(schema.returns[0].type)
        names = [argument.name for argument in schema.arguments]
        takes = any("Tensor" in str(argument.type) for argument in schema.arguments)
        composite = torch._C._dispatch_has_kernel_for_dispatch_key(operation.name(), "CompositeImplicitAutograd")
        if makes and "device" in names and not takes and not composite:
            found.append((full.removeprefix("aten::"), operation))
    return found


def _module() -> types.ModuleType:
    """Return what torch expects as ``torch.pretend``."""
    module: Any = types.ModuleType(f"torch.{NAME}")
    module.is_available = module.is_initialized = lambda: True
    module._is_in_bad_fork = lambda: False
    module.device_count = lambda: 1
    module.current_device = lambda: 0
    module.set_device = module.manual_seed = module.manual_seed_all = lambda *ignored: None
    module.get_amp_supported_dtype = lambda: [torch.bfloat16, torch.float16]
    module.get_device_name = lambda device=None: "Pretend Accelerator"
    module.get_device_properties = lambda device=None: types.SimpleNamespace(total_memory=ACCELERATOR.memory)
    module.get_rng_state = lambda device=None: torch.zeros(1, dtype=torch.uint8)  # the CPU's generator draws for it
    module.set_rng_state = lambda state, device=None: None
    module.mem_get_info = lambda device=None: (ACCELERATOR.memory - ACCELERATOR.allocated, ACCELERATOR.memory)
    module.memory_allocated = module.memory_reserved = lambda device=None: ACCELERATOR.allocated
    module.max_memory_allocated = lambda device=None: ACCELERATOR.peak
    module.reset_peak_memory_stats = lambda device=None: setattr(ACCELERATOR, "peak", ACCELERATOR.allocated)
    module.empty_cache = lambda: ACCELERATOR.counts.update(["cache_emptied"])
    module.synchronize = ACCELERATOR.wait
    return module


_LIBRARIES: list[torch.library.Library] = []


def register() -> torch.device:
    """Make the device known to torch and return it."""
    module = _module()
    _setup_privateuseone_for_python_backend(NAME, backend_module=module)
    library = torch.library.Library("aten", "IMPL")
    for name, operation in _factories():
        library.impl(name, _factory(operation), "PrivateUse1")

    def copy_from(source: Tensor, target: Tensor, non_blocking: bool = False) -> Any:
        return _run(torch.ops.aten.copy_.default, (target, source, non_blocking), {})

    library.impl("_copy_from", copy_from, "PrivateUse1")
    every = torch.library.Library("_", "IMPL")
    every.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    _LIBRARIES.append(every)
    for name in LOW_PRECISION:
        library.impl(name, _autocast(getattr(torch.ops.aten, name).default), "AutocastPrivateUse1")
    _LIBRARIES.append(library)  # it ends with the object
    # A device in Python has no streams and no allocator of torch's own, so that these refuse it.
    for name in (
        "synchronize",
        "empty_cache",
        "memory_allocated",
        "memory_reserved",
        "max_memory_allocated",
        "reset_peak_memory_stats",
    ):
        setattr(torch.accelerator, name, getattr(module, name))
    torch.Generator = Generator  # type: ignore[misc]
    # A parameter keeps what its tensor is, so it is replaced instead of given other data.
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    return torch.device(NAME, 0)


DEVICE = register()
