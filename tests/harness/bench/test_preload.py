"""What the fork server imports must leave nothing that a fork could trip over."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

CODE = """
import json, sys, threading
import harness.bench.preload
import torch
print(json.dumps({
    "cuda": torch.cuda.is_initialized(),
    "threads": [thread.name for thread in threading.enumerate()],
    "modules": [name for name in ("torch", "torchvision", "timm", "evil", "torch._dynamo") if name in sys.modules],
}))
"""


@pytest.mark.slow
def test_preloading_touches_no_gpu_and_starts_no_thread_and_imports_only_what_is_allowed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, "ZOO_PRELOAD": "torch,torchvision,timm,evil"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found == {
        "cuda": False,
        "threads": ["MainThread"],
        "modules": ["torch", "torchvision", "timm", "torch._dynamo"],
    }
