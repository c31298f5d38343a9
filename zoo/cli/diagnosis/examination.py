"""The examination: independent checks of an installation, each of which reports a finding in one sentence."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zoo
from zoo.text import plural

if TYPE_CHECKING:
    from zoo.catalog import Plugin

OK, WARNING, PROBLEM = "ok", "warning", "problem"
PACKAGES = ("harness", "plugins", "reports", "zoo")
_HOME = Path(zoo.__file__).parent.parent
"""The folder that holds the four packages."""
_DISTRIBUTION = "zoobench"
_PROBE_SECONDS = 120
_LITTLE_GIB, _TOO_LITTLE_GIB = 10.0, 1.0
"""Limits for a warning and a problem: decoded CIFAR-10 takes 0.2 GiB, the archives of ImageNet 150 GiB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The result of one check."""

    check: str
    """Name of the check."""
    status: str
    """Status: ``ok``, ``warning`` or ``problem``."""
    sentence: str
    """What was found."""
    remedy: str = ""
    """What to do about it; empty if the status is ``ok``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """The result of a separate process."""

    facts: dict[str, Any] | None
    error: str = ""
    """Last line of its error output, if it failed."""


def probe(name: str) -> Probe:
    """Run a probe of :mod:`zoo.cli.diagnosis.import_attempt`."""
    command = [sys.executable, "-P", "-m", "zoo.cli.diagnosis.import_attempt", name]
    # It must find its modules in the same places as this process.
    path = os.pathsep.join(dict.fromkeys([str(_HOME), *filter(None, sys.path)]))
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": path},
            text=True,
            timeout=_PROBE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return Probe(facts=None, error=f"it did not finish within {_PROBE_SECONDS} s")
    if done.returncode == 0:
        return Probe(facts=json.loads(done.stdout.splitlines()[-1]))
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return Probe(facts=None, error=lines[-1].strip()[:300] if lines else f"it ended with exit code {done.returncode}")


def versions(requirements: Iterable[str] | None = None) -> Finding:
    """Check that all requirements are installed, in recent enough versions."""
    if requirements is None:
        requirements = importlib.metadata.requires(_DISTRIBUTION) or ()
    shown = [f"Python {sys.version.split()[0]}", f"{_DISTRIBUTION} {importlib.metadata.version(_DISTRIBUTION)}"]
    short = []
    for requirement in requirements:
        found = re.match(r"([A-Za-z0-9._-]+?)\s*>=\s*([0-9.]+)", requirement)
        if not found or "extra ==" in requirement:
            continue
        name, least = found.groups()
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            short.append(f"{name} is missing")
            continue
        if _numbers(version) < _numbers(least):
            short.append(f"{name} is {version}, but {least} is needed")
        if name in ("torch", "torchvision", "timm", "numpy"):
            shown.append(f"{name} {version}")
    if short:
        return Finding(
            check="versions",
            status=PROBLEM,
            sentence="; ".join(short),
            remedy=f"python -m pip install --upgrade {_DISTRIBUTION}",
        )
    return Finding(check="versions", status=OK, sentence=", ".join(shown))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


def torch_pair(found: Probe) -> Finding:
    """Check that torch and torchvision load together; mismatched versions fail at an operator, or crash."""
    if found.facts is None:
        return Finding(
            check="torch",
            status=PROBLEM,
            sentence=f"torch and torchvision do not load together: {found.error}",
            remedy="install matching versions: python -m pip install --upgrade torch torchvision",
        )
    return Finding(
        check="torch",
        status=OK,
        sentence=f"torch {found.facts['torch']} and torchvision {found.facts['torchvision']} load together",
    )


def gpu(found: Probe, *, has_driver: bool) -> Finding:
    """Check that torch can use the GPUs or other accelerators of the machine, and tell what they will be used for."""
    if found.facts is None:
        return Finding(
            check="gpu", status=WARNING, sentence="not checked, because torch does not load", remedy="fix torch first"
        )
    facts = found.facts
    if facts["gpu_trouble"]:
        return Finding(
            check="gpu",
            status=PROBLEM,
            sentence=f"a GPU cannot be used: {facts['gpu_trouble']}",
            remedy="check that nvidia-smi lists it, or use --device cpu",
        )
    if facts["gpus"]:
        kind = facts["accelerator"]
        library = {"cuda": f"ROCm {facts['hip']}" if facts["hip"] else f"CUDA {facts['cuda']}", "mps": "Metal"}
        device = kind if kind == "mps" else f"{kind}:0"
        use = f"--device auto trains on {device} in {'bf16' if facts['bf16'] else 'fp32'}"
        if kind != "cuda":
            use += "; CUDA graphs, fp16 and --gpus-per-trial are for CUDA only"
        sentence = f"{library.get(kind, kind)} with {', '.join(facts['gpus'])}; {use}"
        return Finding(check="gpu", status=OK, sentence=sentence)
    if has_driver:
        build = f"is built for CUDA {facts['cuda']}" if facts["cuda"] else "is built for the CPU only"
        return Finding(
            check="gpu",
            status=WARNING,
            sentence=f"there is an NVIDIA driver, but torch {build} and finds no GPU",
            remedy="install torch for the CUDA version that nvidia-smi shows, or check CUDA_VISIBLE_DEVICES",
        )
    return Finding(check="gpu", status=OK, sentence="none found; trials run on the CPU")


def threads(found: Probe) -> Finding:
    """Check that torch uses no more threads than there are usable cores."""
    from harness.system.cores import usable_cores

    cores = usable_cores()
    if found.facts is None:
        return Finding(check="threads", status=OK, sentence=f"{cores:g} of {os.cpu_count()} cores are usable")
    count = found.facts["threads"]
    sentence = f"torch uses {plural(count, 'thread')}; {cores:g} of {os.cpu_count()} cores are usable"
    if count > max(cores, 1):
        return Finding(
            check="threads",
            status=WARNING,
            sentence=sentence,
            remedy=f"set --threads {max(1, int(cores))}; otherwise threads wait for each other and speeds are wrong",
        )
    return Finding(check="threads", status=OK, sentence=sentence)


def fork_server(found: Probe) -> Finding:
    """Check that trials can be forked from a process that has loaded the libraries."""
    if found.facts is None:
        return Finding(
            check="fork server",
            status=PROBLEM,
            sentence=f"the fork server cannot start a process: {found.error}",
            remedy="check the limit on processes and the folder for temporary files",
        )
    if not found.facts["available"]:
        return Finding(
            check="fork server",
            status=WARNING,
            sentence="not available on this platform: each trial spends seconds on loading torch",
            remedy="none; expect longer benches",
        )
    return Finding(check="fork server", status=OK, sentence="trials start from a process that has torch loaded")


def owners(path: Sequence[str] | None = None, installed: dict[str, list[str]] | None = None) -> Finding:
    """Check that the four packages are those of zoo, and that no other distribution has packages of these names."""
    home = _HOME
    rivals = []
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        origin = Path(spec.origin).parent.parent if spec and spec.origin else None
        if origin != home:
            rivals.append(f"{package} is imported from {origin or 'nowhere'}")
    if installed is None:
        installed = dict(importlib.metadata.packages_distributions())
    for package in PACKAGES:
        for owner in sorted({name for name in installed.get(package, ()) if name.lower() != _DISTRIBUTION}):
            rivals.append(f"{owner} also has a package {package}")
        for folder in dict.fromkeys(sys.path if path is None else path):
            there = Path(folder or ".").absolute()
            # resolve() only here: a path that is a link to home is home.
            if there.resolve() != home.resolve() and (there / package / "__init__.py").is_file():
                rivals.append(f"{there} also has a package {package}")
    if rivals:
        return Finding(
            check="packages",
            status=PROBLEM,
            sentence="; ".join(dict.fromkeys(rivals)),
            remedy="uninstall the other package, or install zoobench into a separate environment",
        )
    return Finding(check="packages", status=OK, sentence=f"{', '.join(PACKAGES)} belong to zoobench")


def plugins(all_plugins: Sequence[Plugin], slips: Sequence[str]) -> Iterator[Finding]:
    """Check for broken plugins, and for unknown names in the list of trusted ones."""
    broken = [plugin for plugin in all_plugins if plugin.state == "broken"]
    for plugin in broken:
        yield Finding(
            check="plugins",
            status=PROBLEM,
            sentence=f"{plugin.provider.name} ({plugin.provider.origin_sentence}) is broken: {plugin.problem}",
            remedy="zoo plugins --why-broken shows the traceback",
        )
    for slip in slips:
        yield Finding(check="plugins", status=WARNING, sentence=slip, remedy="correct or unset the variable")
    if not broken and not slips:
        states = [plugin.state for plugin in all_plugins]
        installed = sum(plugin.provider.origin != "built-in" for plugin in all_plugins)
        blocked = f", {states.count('blocked')} blocked" if "blocked" in states else ""
        yield Finding(
            check="plugins", status=OK, sentence=f"{states.count('loaded')} loaded{blocked}; {installed} not built in"
        )


def extras(needs: Iterable[tuple[str, Sequence[str], bool]]) -> Iterator[Finding]:
    """Say which extras are installed and what needs the others; a plugin that needs another library is a warning.

    Args:
        needs: Records that declare libraries: what a sentence calls them, the names, and whether they are built in.
    """
    from zoo.dependencies import extras as all_extras
    from zoo.dependencies import how_to_install, missing_libraries, missing_sentence

    known = all_extras()
    absent: dict[str, list[str]] = {
        extra: [] for extra, libraries in known.items() if missing_libraries(sorted(libraries))
    }
    others = []
    for owner, libraries, is_built_in in needs:
        missing = missing_libraries(libraries)
        extra = next((each for each in absent if how_to_install(missing).endswith(f"[{each}]'")), None)
        if missing and extra is not None:
            absent[extra].append(owner)
        elif missing and not is_built_in:
            others.append(
                Finding(
                    check="libraries",
                    status=WARNING,
                    sentence=missing_sentence(libraries, owner).rpartition(": ")[0],
                    remedy=how_to_install(missing),
                )
            )
    there = [extra for extra in known if extra not in absent]
    parts = [f"installed: {', '.join(there) or 'none'}"]
    if absent:
        listed = [f"{extra} ({', '.join(owners)})" if owners else extra for extra, owners in absent.items()]
        parts.append(f"not installed: {', '.join(listed)}")
    yield Finding(check="extras", status=OK, sentence="; ".join(parts))
    yield from others


def folder(check: str, path: Path, *, remedy: str) -> Finding:
    """Check that a folder can be written or created, and has free space."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        return Finding(check=check, status=PROBLEM, sentence=f"{there} is a file, not a folder", remedy=remedy)
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding(check=check, status=PROBLEM, sentence=f"{there} cannot be written", remedy=remedy)
    free_gib = shutil.disk_usage(there).free / 2**30
    state = "" if path.exists() else ", and will be created when needed"
    sentence = f"{path} has {free_gib:,.1f} GiB free{state}"
    status = PROBLEM if free_gib < _TOO_LITTLE_GIB else WARNING if free_gib < _LITTLE_GIB else OK
    return Finding(
        check=check, status=status, sentence=sentence, remedy="" if status == OK else f"free some space, or {remedy}"
    )


def examined(check: str, look: Callable[[], Finding]) -> Finding:
    """Return the finding of *look*, or a finding that it failed."""
    try:
        return look()
    except Exception as error:  # an installation may be broken in any way, and the other findings are wanted
        return Finding(
            check=check,
            status=PROBLEM,
            sentence=f"the check failed: {type(error).__name__}: {error}",
            remedy="report this, with the output of zoo doctor --format json",
        )
