"""Writing Parquet files of images."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), value, dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def write_parquet(
    path: Path,
    labels: list[object],
    *,
    names: list[str] | None = None,
    column: str = "img",
    plain: bool = False,
    start: int = 0,
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [png(start + i) for i in range(len(labels))]
    structs = [{"bytes": image, "path": f"{i}.png"} for i, image in enumerate(images)]
    table = pa.table({column: images if plain else structs, "label": labels})
    if names:
        features = {column: {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path, row_group_size=3)
    return path


def write_shards(path: Path, columns: dict[str, list[object]]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path
