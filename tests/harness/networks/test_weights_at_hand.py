"""Which published weights can be loaded, as architectures tell before anything is prepared."""

from __future__ import annotations

from pathlib import Path

from harness.networks.weights_at_hand import causes_of_absence

PLUGIN = """
import sys

from zoo import Architecture, hookimpl
from zoo.errors import UnavailableWeightsError, UsageError


def absent(options):
    raise UnavailableWeightsError("no weights: no connection; copy them", cause="no connection")


def absent_if_large(options):
    if options["size"] == "large":
        absent(options)


def mistaken(options):
    raise UsageError("no such weights")


def broken(options):
    sys.exit(3)


@hookimpl
def zoo_architectures():
    for name, check in {"absent": absent, "sized": absent_if_large, "mistaken": mistaken, "broken": broken}.items():
        yield Architecture(name=name, build=print, has_pretrained=True, options={"size": "small"}, check_weights=check)
    yield Architecture(name="silent", build=print, has_pretrained=True)
"""


def test_the_cause_is_told_for_the_options_that_were_given_and_faults_are_left_to_the_trial(tmp_path: Path) -> None:
    plugin = tmp_path / "nets.py"
    plugin.write_text(PLUGIN)
    asked = [("absent", "small"), ("sized", "small"), ("sized", "large"), ("mistaken", "small"), ("broken", "small")]
    networks = [{"architecture": f"nets/{name}", "options": {"size": size}} for name, size in asked]
    networks.append({"architecture": "nets/silent", "options": {}})
    sources = {"files": [str(plugin)], "builtin": False, "entry_points": False}
    found = causes_of_absence(sources, networks)
    assert found == ["no connection", "", "no connection", "", "", ""]
