"""The allocator: freed memory stays with the process."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

STEPS = """
import resource, torch
from harness.system.malloc import keep_freed_memory
if {keeps}:
    assert keep_freed_memory()
network = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 1), torch.nn.ReLU(), torch.nn.Flatten(1))
images_BCHW = torch.rand({batch}, 3, {size}, {size})
def step():
    network(images_BCHW).square().mean().backward()
for _ in range(3):  # as the first steps of a training, which make room
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
@pytest.mark.parametrize(("batch", "size"), [(128, 32), (36, 224)], ids=["small", "larger than 32 MiB"])
def test_memory_that_a_step_frees_is_not_faulted_in_again(batch: int, size: int) -> None:
    """A machine short of memory takes pages of the libraries away, which come back by faults: the fewest count."""
    if size > 32 and not _glibc_keeps_large_blocks():
        pytest.skip("glibc before 2.35 maps blocks above 32 MiB")
    fewest: dict[bool, int] = {}
    for keeps in (False, True, True, True):
        if fewest.get(True, fewest.get(False, 0)) * 3 < fewest.get(False, 0):
            break
        fewest[keeps] = min(_faults(batch, size, keeps=keeps), fewest.get(keeps, 10**9))
    assert fewest[True] * 3 < fewest[False], fewest


GAPS = """
import ctypes
from harness.system.malloc import keep_freed_memory, return_freed_memory
assert keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
def resident_mib():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 >> 20
def take(size):
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    return block
large, _ = take(200 << 20), take(64 << 10)  # the second one keeps the end of the heap
libc.free(large)
kept = resident_mib()
return_freed_memory()
print(kept - resident_mib())
kept = resident_mib()
libc.free(take(300 << 20))  # larger than the gap
print(resident_mib() - kept)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator")
def test_where_memory_is_short_it_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", GAPS], capture_output=True, text=True, check=True)
    returned_mib, kept_mib = map(int, done.stdout.split())
    assert returned_mib > 190
    assert kept_mib < 10


def _glibc_keeps_large_blocks() -> bool:
    name, version = platform.libc_ver()
    return name == "glibc" and tuple(int(part) for part in version.split(".")[:2]) >= (2, 35)


def _faults(batch: int, size: int, *, keeps: bool) -> int:
    code = STEPS.format(keeps=keeps, batch=batch, size=size)
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
