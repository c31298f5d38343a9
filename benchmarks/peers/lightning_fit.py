"""Lightning's ``Trainer.fit`` on the same images, network and augmentation; progress bar and logger are off."""

from __future__ import annotations

import time

import lightning
import torch
from images import PilImages, load_images, pil_transforms
from networks import build_network
from settings import BATCH_SIZE, LR, MOMENTUM, WEIGHT_DECAY, answer, parse_settings
from torch.nn import functional

settings = parse_settings(__doc__)


class Classifier(lightning.LightningModule):
    """As in Lightning's own examples, with accuracy logged for each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.network = build_network(settings.model)
        self.rates: list[float] = []

    def training_step(self, batch, index):
        images_BCHW, labels_B = batch
        if settings.channels_last:
            images_BCHW = images_BCHW.contiguous(memory_format=torch.channels_last)
        logits_BK = self.network(images_BCHW)
        loss = functional.cross_entropy(logits_BK, labels_B)
        correct = (logits_BK.argmax(1) == labels_B).float().mean()
        self.log_dict({"loss": loss, "accuracy": correct}, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), LR, MOMENTUM, weight_decay=WEIGHT_DECAY)

    def on_train_epoch_start(self):
        self.start = time.perf_counter()

    def on_train_epoch_end(self):
        self.rates.append(settings.images / (time.perf_counter() - self.start))


data = PilImages(*load_images(settings.images), pil_transforms())
loader = torch.utils.data.DataLoader(
    data, BATCH_SIZE, shuffle=True, num_workers=settings.workers, persistent_workers=settings.workers > 0
)
classifier = Classifier()
if settings.channels_last:
    classifier.network.to(memory_format=torch.channels_last)
lightning.Trainer(
    max_epochs=settings.epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
    enable_model_summary=False,
).fit(classifier, loader)  # fmt: skip
answer(classifier.rates)
