"""The training loop of torchvision's ``references/classification``, unchanged, on the same images and network.

Needs ``--checkout``: that folder of a torchvision release.
"""

from __future__ import annotations

import argparse
import sys
import time

import torch
from images import PilImages, load_images, pil_transforms
from networks import build_network
from settings import BATCH_SIZE, LR, MOMENTUM, WEIGHT_DECAY, answer, parse_settings

settings = parse_settings(__doc__)
sys.path.insert(0, str(settings.checkout))
from train import train_one_epoch  # noqa: E402 - from the checkout

data = PilImages(*load_images(settings.images), pil_transforms())
loader = torch.utils.data.DataLoader(
    data, BATCH_SIZE, shuffle=True, num_workers=settings.workers, pin_memory=True, persistent_workers=False
)
model = build_network(settings.model)
if settings.channels_last:
    model.to(memory_format=torch.channels_last)
optimizer = torch.optim.SGD(model.parameters(), LR, MOMENTUM, weight_decay=WEIGHT_DECAY)
criterion = torch.nn.CrossEntropyLoss()
arguments = argparse.Namespace(print_freq=10, clip_grad_norm=None, model_ema_steps=32, lr_warmup_epochs=0)
rates = []
for epoch in range(settings.epochs):
    start = time.perf_counter()
    train_one_epoch(model, criterion, optimizer, loader, torch.device("cpu"), epoch, arguments)
    rates.append(settings.images / (time.perf_counter() - start))
answer(rates)
