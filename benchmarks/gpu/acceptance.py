"""Acceptance on a GPU: one command that runs everything that needs a GPU, and writes one report.

    python benchmarks/gpu/acceptance.py --out DIR --data-root FOLDER --minutes 8
    python benchmarks/gpu/acceptance.py --out DIR --rehearse

Items (``items.py``) run in order of worth, each in a process of its own with a time limit. Each result is appended to
``results.jsonl`` at once, and the page ``report.md`` is written anew after each. A second call with the same ``--out``
goes on with what is left, so a machine that is lent for a few minutes at a time is enough; ``--part N`` runs one part.
Nothing is downloaded: ``FOLDER/cifar10`` holds CIFAR-10, whole or in part.

``--rehearse`` runs every item on the CPU with tiny sizes, so that only the GPU is new on the day. Its figures mean
nothing, and the page says so.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from bare_loops import profile
from context import Context, Item, Verdict
from items import ITEMS

RESULTS, PAGE = "results.jsonl", "report.md"
REHEARSAL_SECONDS = 240.0


def main() -> int:
    """Run what is left of the items, as far as the time allows; return 1 if any has failed."""
    given = parse()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.item:
        return run_here(given)
    about = machine(given)
    (given.out / "machine.json").write_text(json.dumps(about, indent=2) + "\n")
    end = time.monotonic() + 60 * given.minutes
    for item in chosen(given):
        seconds = REHEARSAL_SECONDS if given.rehearse else item.limit_seconds
        left = end - time.monotonic()
        if left < min(seconds, item.least_seconds):
            print(f"{item.name}: left for the next call, {left:.0f} s are too short", flush=True)
            continue
        print(f"{item.name} …", end=" ", flush=True)
        result = run_apart(item, given, min(seconds, left))
        with (given.out / RESULTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({**result, "machine": about["device_name"]}) + "\n")
        print(f"{result['verdict']}: {result['figure']}", flush=True)
        (given.out / PAGE).write_text(page(about, read_results(given.out), rehearsed=given.rehearse), encoding="utf-8")
    results = read_results(given.out)
    left_over = [item.name for item in ITEMS if item.name not in results]
    print(f"{len(results)} of {len(ITEMS)} items have run; left: {', '.join(left_over) or 'none'}; {given.out / PAGE}")
    return 1 if any(result["verdict"] in (Verdict.FAILED, Verdict.BROKEN) for result in results.values()) else 0


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for results, the page and everything that runs")
    parser.add_argument("--data-root", type=Path, help="folder that holds cifar10")
    parser.add_argument("--device", default="auto", help="device to accept [default: auto]")
    parser.add_argument("--minutes", type=float, default=8.0, help="time for this call [default: 8]")
    parser.add_argument("--part", type=int, help="run the items of this part only")
    parser.add_argument("--only", default="", help="names of items to run, again if they have run")
    parser.add_argument("--rehearse", action="store_true", help="run tiny sizes on the CPU")
    parser.add_argument("--item", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.rehearse:
        given.device = "cpu"
    elif given.data_root is None:
        parser.error("--data-root is needed: a folder that holds cifar10")
    unknown = {name for name in given.only.split(",") if name} - {item.name for item in ITEMS}
    if unknown:
        parser.error(f"--only {', '.join(sorted(unknown))}: there are {', '.join(item.name for item in ITEMS)}")
    given.out = given.out.resolve()
    return given


def chosen(given: argparse.Namespace) -> list[Item]:
    """Return the items to run: those named, or those without a result."""
    if given.only:
        return [item for item in ITEMS if item.name in given.only.split(",")]
    done = read_results(given.out)
    return [item for item in ITEMS if item.name not in done and given.part in (None, item.part)]


def run_apart(item: Item, given: argparse.Namespace, seconds: float) -> dict[str, Any]:
    """Run an item in a process of its own, which takes all that it started with it when its time is over."""
    command = [sys.executable, __file__, *forwarded(given), "--item", item.name]
    answer = given.out / f"{item.name}.json"
    answer.unlink(missing_ok=True)
    began = time.monotonic()
    with (given.out / f"{item.name}.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            status: int | None = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            end_group(process)
    result = {
        "item": item.name,
        "part": item.part,
        "target": item.target,
        "figure": "",
        "verdict": Verdict.BROKEN,
        "notes": [],
        "commands": [],
        "profile": "",
    }
    if answer.exists():
        result |= json.loads(answer.read_text())
    elif status is None:
        result["figure"] = f"stopped after {seconds:.0f} s"
    else:
        lines = (given.out / f"{item.name}.log").read_text(errors="replace").strip().splitlines()
        result["figure"] = f"ended with exit status {status}: {lines[-1][:300] if lines else 'no output'}"
    return {**result, "seconds": round(time.monotonic() - began, 1)}


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started in its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def forwarded(given: argparse.Namespace) -> list[str]:
    """Return the options that an item's process needs."""
    options = ["--out", str(given.out), "--device", given.device]
    options += ["--data-root", str(given.data_root)] if given.data_root else []
    return [*options, *(["--rehearse"] if given.rehearse else [])]


def run_here(given: argparse.Namespace) -> int:
    """Run one item in this process and write its answer; where it falls short, profile its network."""
    (item,) = [each for each in ITEMS if each.name == given.item]
    context = Context(out=given.out, data_root=given.data_root, device=given.device, rehearse=given.rehearse)
    outcome = item.run(context)
    verdict = Verdict.NOTED if outcome.passed is None else Verdict.PASSED if outcome.passed else Verdict.FAILED
    if given.rehearse:
        verdict = Verdict.REHEARSED
    answer = {
        "figure": outcome.figure,
        "verdict": verdict,
        "notes": outcome.notes,
        "commands": context.commands,
        "values": outcome.values,
    }
    path = given.out / f"{item.name}.json"
    path.write_text(json.dumps(answer) + "\n")  # before the profile, which may take too long
    if item.profiled and (outcome.passed is False or given.rehearse):
        answer["profile"] = profile(context, item.profiled, given.out / f"{item.name}-profile.txt")
        path.write_text(json.dumps(answer) + "\n")
    return 0


def machine(given: argparse.Namespace) -> dict[str, Any]:
    """Return what a reader needs to know of the machine; another process asks, so that this one never starts CUDA."""
    code = (
        "import json,sys; from harness.measuring.environment import describe, resolve_device\n"
        "print(json.dumps(describe(resolve_device(sys.argv[1]))))"
    )
    done = subprocess.run([sys.executable, "-c", code, given.device], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr.strip().splitlines()[-1])
    return {**json.loads(done.stdout), "date": time.strftime("%Y-%m-%d"), "host_cpu": platform.processor()}


def read_results(out: Path) -> dict[str, dict[str, Any]]:
    """Return the last result of each item; a line that was cut off does not count."""
    found: dict[str, dict[str, Any]] = {}
    path = out / RESULTS
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            result = json.loads(line)
        except ValueError:
            continue
        found[result["item"]] = result
    return found


def page(about: dict[str, Any], results: dict[str, dict[str, Any]], *, rehearsed: bool) -> str:
    """Return the report as Markdown."""
    lines = ["# Acceptance on a GPU", ""]
    if rehearsed:
        lines += ["**This is a rehearsal on the CPU with tiny sizes. Its figures mean nothing.**", ""]
    fields = ("device_name", "device_memory_mib", "driver", "cuda", "torch", "torchvision", "timm", "zoobench", "date")
    lines += ["| " + " | ".join(fields) + " |", "|" + "---|" * len(fields)]
    lines += ["| " + " | ".join(str(about.get(name, "")) for name in fields) + " |", ""]
    lines += ["| item | figure | target | verdict | seconds |", "|:---|:---|:---|:---|---:|"]
    for item in ITEMS:
        result = results.get(item.name)
        cells = [item.name, "", item.target, "has not run", ""]
        if result:
            cells = [item.name, result["figure"], result["target"], result["verdict"], f"{result['seconds']:.0f}"]
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    for item in ITEMS:
        result = results.get(item.name)
        if result:
            lines += ["", f"## {item.name}", "", item.summary, ""]
            lines += [f"- {note}" for note in result["notes"]]
            lines += ["", "```console", *result["commands"], "```"] if result["commands"] else []
            lines += ["", "Profile:", "", "```text", result["profile"], "```"] if result["profile"] else []
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
