"""Options of the commands that run a trained model."""

from __future__ import annotations

import click

DEVICE_HELP = "Device: auto, cpu, cuda, cuda:N, mps or another accelerator, such as xpu"

checkpoint_argument = click.argument("checkpoint", metavar="CHECKPOINT")
"""What to run; the commands say what it may be."""

images_argument = click.argument("images", nargs=-1, required=True, metavar="IMAGE...|FOLDER|-")
"""Images to run it on."""

device_option = click.option(
    "--device",
    default="auto",
    metavar="DEVICE",
    show_default=True,
    help=f"{DEVICE_HELP}.",
)

precision_option = click.option(
    "--precision",
    type=click.Choice(("fp32", "bf16", "fp16")),
    help="Numeric precision [default: as in testing if the device type is the same, else fp32].",
)
