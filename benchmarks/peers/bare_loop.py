"""The bare loop: what a careful engineer would write for one network and one dataset. The reference for the others."""

from __future__ import annotations

import time

import torch
from images import MEAN, PADDING, STD, load_images
from networks import build_network
from settings import BATCH_SIZE, LR, MOMENTUM, WEIGHT_DECAY, answer, parse_settings
from torch.nn import functional

settings = parse_settings(__doc__)
images_NHWC, labels_N = map(torch.from_numpy, load_images(settings.images))
images_NCHW = images_NHWC.permute(0, 3, 1, 2).contiguous()
mean_C, std_C = (255 * torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
layout = torch.channels_last if settings.channels_last else torch.contiguous_format
model = build_network(settings.model).to(memory_format=layout).train()
optimizer = torch.optim.SGD(model.parameters(), LR, MOMENTUM, weight_decay=WEIGHT_DECAY, fused=True)
side = torch.arange(32)
rates = []
for _ in range(settings.epochs):
    start = time.perf_counter()
    for indices_B in torch.randperm(settings.images).split(BATCH_SIZE):
        batch = len(indices_B)
        x_BCHW = functional.pad((images_NCHW[indices_B].float() - mean_C) / std_C, (PADDING,) * 4, mode="reflect")
        rows_BH = side + torch.randint(0, 2 * PADDING + 1, (batch, 1))
        columns_W = torch.where(torch.rand(batch, 1) < 0.5, side.flip(0), side)
        columns_BW = columns_W + torch.randint(0, 2 * PADDING + 1, (batch, 1))
        x_BHWC = x_BCHW[torch.arange(batch)[:, None, None], :, rows_BH[:, :, None], columns_BW[:, None, :]]
        x_BCHW = x_BHWC.permute(0, 3, 1, 2).contiguous(memory_format=layout)
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(model(x_BCHW), labels_N[indices_B]).backward()
        optimizer.step()
    rates.append(settings.images / (time.perf_counter() - start))
answer(rates)
