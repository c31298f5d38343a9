"""Loading a dataset as the harness does, and making small images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo import Catalog, DataRequest, Splits
from zoo.options import resolve_options

Load = Callable[..., Splits]


@pytest.fixture
def load(catalog: Catalog, tmp_path: Path) -> Load:
    """Load a dataset by name; the data root is ``tmp_path / "root"`` unless another is given."""

    def run(
        name: str, argument: str | Path = "", *, root: Path | None = None, download: bool = False, **options: object
    ) -> Splits:
        dataset = catalog.datasets.get(name).record
        request = DataRequest(
            root=root or tmp_path / "root",
            argument=str(argument),
            options=resolve_options(dataset.options, options, owner=name),  # type: ignore[arg-type]
            download=download,
        )
        return dataset.load(request)

    return run


@pytest.fixture
def photo() -> Callable[..., Path]:
    """Write an image of noise, with the folders it needs."""

    def write(path: Path, seed: int = 0, size: tuple[int, int] = (6, 6)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        values = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(values).save(path)
        return path

    return write
