"""What the fork server imports must leave nothing that a fork could trip over."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from harness.bench.processes.fork_server import PRELOAD_ALLOWED
from zoo import Catalog

CODE = """
import json, sys, threading
import harness.bench.processes.preload
import torch
print(json.dumps({
    "cuda": torch.cuda.is_initialized(),
    "threads": [thread.name for thread in threading.enumerate()],
    "modules": [
        name
        for name in ("torch", "torchvision", "timm", "evil", "torch._dynamo", "scipy")
        if name in sys.modules
    ],
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


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork server")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [None, "30000"]),
        ({"GOMP_SPINCOUNT": "7"}, [None, "7"]),
        ({"OMP_WAIT_POLICY": "active"}, ["active", None]),
    ],
)
def test_threads_that_wait_go_to_sleep_unless_the_user_wants_them_to_spin(
    given: dict[str, str], expected: list[str | None]
) -> None:
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    code = (
        "import json, os, harness.bench.processes.preload; "
        f"print(json.dumps([os.environ.get(name) for name in {names}]))"
    )
    unset = (*names, "ZOO_PRELOAD")  # nothing has to be preloaded here
    env = {name: value for name, value in os.environ.items() if name not in unset} | given
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == expected


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork server")
@pytest.mark.parametrize("compiler", [False, True])
def test_the_compiler_is_imported_only_if_trials_will_use_it(compiler: bool) -> None:
    code = (
        "import sys, harness.bench.processes.preload; "
        "print('torch._dynamo' in sys.modules, 'harness.trial.trial' in sys.modules)"
    )
    env = {**os.environ, "ZOO_PRELOAD": "torch,torch._dynamo" if compiler else "torch"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(compiler), "True"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork server")
def test_trials_do_not_look_for_garbage_among_what_was_imported_once() -> None:
    code = (
        "import gc, sys, harness.bench.processes.preload; "
        "print(gc.get_freeze_count() > 100_000, gc.isenabled(), 'scipy' in sys.modules)"
    )
    env = {**os.environ, "ZOO_PRELOAD": "torch"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "False"]


def test_what_built_ins_ask_for_is_allowed(catalog: Catalog) -> None:
    """Recipes on features asked for scikit-learn, which was passed over in silence: each trial imported it."""
    asked = {
        f"{entry.full_name}: {name}"
        for registry in (catalog.architectures, catalog.datasets, catalog.recipes)
        for entry in registry
        for name in entry.record.preload
        if name not in PRELOAD_ALLOWED
    }
    assert asked == set()
