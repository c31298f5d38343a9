"""Makes the board of the documentation anew: runs its benches on real images, writes its site, and takes the pictures.

Needs the extra ``onnx``, the example package ``zoo-efficientnet-lite``, a Chromium, ``playwright``, and a folder that
holds ``cifar10`` and ``hymenoptera`` (ants and bees of PyTorch's transfer learning tutorial). On two idle cores:

    uv run --with playwright python docs/site/board.py --data-root DATA --out BOARD

The benches continue where they stopped if it is called again. ``--plan`` shows them only, ``--pictures`` takes the
pictures of a site that is there. The first picture goes into ``docs/images``, all of them into ``BOARD/pictures``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

IMAGE = Path(__file__).parent.parent / "images" / "leaderboard.png"
COMMON = ("--seeds", "3", "--device", "cpu", "--measure-seconds", "0.2")
SETTINGS = ("--epochs", "3", "--batch-size", "32")
"""The same on all datasets: rows of other settings would be other rows, and there would be no overall table."""
NETWORKS = "linear,lenet5,simple_cnn,vgg_small,resnet20_cifar,resnet32_cifar,resnet44_cifar,resnet56_cifar"
TRAINED = ("--models", NETWORKS, *SETTINGS)
NARROW = ("--models", "simple_cnn,vgg_small,resnet20_cifar,resnet32_cifar", "--set", "model.width=8", *SETTINGS)
PUBLISHED = ("--models", "lite/efficientnet_lite0", "--recipes", "probe")
DIGITS = ("--data", "digits")
PART_OF_CIFAR10 = ("--data", "cifar10", "--limit-train", "600", "--limit-test", "1000")
ANTS_AND_BEES = ("--data", "folder:hymenoptera", "--set", "data.test=val")
BENCHES = {
    "digits": (*TRAINED, *DIGITS),
    "digits, narrow networks": (*NARROW, *DIGITS),
    "digits, published weights": (*PUBLISHED, *DIGITS),
    "photographs of ants and bees, at 32 px": (*TRAINED, *ANTS_AND_BEES, "--image-size", "32"),
    "photographs, narrow networks": (*NARROW, *ANTS_AND_BEES, "--image-size", "32"),
    "photographs, published weights": (*PUBLISHED, *ANTS_AND_BEES),
    "runtimes": ("--models", "simple_cnn,resnet20_cifar", *DIGITS, *SETTINGS, "--runtimes", "eager,onnx,int8"),
    "one that diverges": ("--models", "lenet5", *DIGITS, *SETTINGS, "--set", "recipe.lr=1e30"),
    "CIFAR-10, a part": (*TRAINED, *PART_OF_CIFAR10),
    "CIFAR-10, narrow networks": (*NARROW, *PART_OF_CIFAR10),
    "CIFAR-10, published weights": (*PUBLISHED, *PART_OF_CIFAR10),
}  # fmt: skip
"""The options of each bench; failed trials are wanted in the last one."""
SHOTS = (
    ("leaderboard", "index.html", 1440, 1500, "light"),
    ("leaderboard_dark", "index.html", 768, 1100, "dark"),
    ("leaderboard_phone", "index.html", 390, 844, "light"),
    ("leaderboard_row", "rows/resnet20_cifar--digits--*.html", 1280, 1400, "light"),
    ("leaderboard_compare", "compare/digits-*.html", 1280, 1300, "light"),
)
"""Name, page, width, height and colour scheme of each picture."""


def main() -> None:
    """Run the benches, write the site and take its pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data-root", type=Path, default=os.environ.get("ZOO_DATA"), help="folder of the datasets")
    parser.add_argument("--out", type=Path, default=Path("board"), help="folder for records and the site")
    parser.add_argument("--plan", action="store_true", help="show what would run")
    parser.add_argument("--pictures", action="store_true", help="only take the pictures again")
    given = parser.parse_args()
    out = given.out.absolute()
    site = out / "site"
    if not given.pictures:
        if given.data_root is None:
            parser.error("--data-root or ZOO_DATA must name the folder of the datasets")
        for name, options in BENCHES.items():
            print(f"== {name}", flush=True)
            run("plan" if given.plan else "bench", *options, *COMMON, "--out", str(out / "runs"), root=given.data_root)
        if given.plan:
            return
        run("report", str(out / "runs"), "-o", str(site), "--title", "Small networks", root=given.data_root)
    take_pictures(site, out / "pictures")


def run(command: str, *options: str, root: Path) -> None:
    """Run a command of zoo in the folder of the datasets, so that no path of this machine is in a name."""
    done = subprocess.run([sys.executable, "-m", "zoo", command, *options], cwd=root, check=False)
    if done.returncode not in (0, 1):  # 1: some trials failed, as those that diverge should
        sys.exit(done.returncode)


def take_pictures(site: Path, folder: Path) -> None:
    """Take the pictures of a site with a Chromium without a window."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("ZOO_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, pattern, width, height, scheme in SHOTS:
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto(sorted(site.glob(pattern))[0].as_uri())
            page.wait_for_timeout(1000)  # charts are drawn when they come into sight
            page.screenshot(path=folder / f"{name}.png")
            page.close()
        browser.close()
    shutil.copyfile(folder / f"{SHOTS[0][0]}.png", IMAGE)


if __name__ == "__main__":
    main()
