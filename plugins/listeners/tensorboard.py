"""A listener that writes event files for TensorBoard (needs the extra ``zoobench[tensorboard]``).

``tensorboard/TRIAL`` in the folder of records is one run with a single event file, to which later attempts append:
curves over epochs; test metrics, model size and speeds at the last epoch; hyperparameters for the HPARAMS page; outcome
and parameters as text. It is written with TensorBoard's own record writer, so neither torch nor TensorFlow is imported.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from plugins.listeners._following import Follower, last_epoch_of, missing, parameters_of, points_of, results_of
from zoo.events import EpochEnded, Event, TrialEnded
from zoo.hookspecs import hookimpl
from zoo.listener import Listener

FOLDER = "tensorboard"
FILE_NAME = "events.out.tfevents.zoo"
_OUTCOME = "trial/outcome"
_EPOCH = "val/accuracy"
_HEADER, _SUM = struct.Struct("<QI"), struct.Struct("<I")


@hookimpl
def zoo_listeners() -> Iterator[Listener]:
    yield Listener(
        name="tensorboard",
        libraries=("tensorboard",),
        open=open_tensorboard,
        summary=f"log a run for each trial to {FOLDER} beside the records (extra: zoobench[tensorboard])",
    )


def open_tensorboard(store: Path) -> Callable[[Event], None]:
    """Return a function that writes the events of a bench to ``tensorboard`` in *store*.

    Raises:
        PluginError: If TensorBoard is not installed.
        OSError: If the folder cannot be written.
    """
    try:
        import tensorboard.summary.writer.record_writer  # noqa: F401
    except ImportError as error:
        raise missing("tensorboard") from error
    root = store / FOLDER
    root.mkdir(parents=True, exist_ok=True)
    return Follower(
        store,
        lock_of=lambda trial: root / trial / "zoo.lock",
        open_run=lambda trial, title, running: _EventFile(root / trial / FILE_NAME, title),
    )


class _EventFile:
    """The single event file of a trial. Existing content is read before anything is added."""

    def __init__(self, path: Path, title: str) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._title = title
        self._epochs: set[int] = set()
        self._tags: set[str] = set()
        self._outcome = ""
        size = 0
        for event, end in _read(path):
            size = end
            self._note(event)
        # Unbuffered: each event is a single write, and TensorBoard sees it at once.
        self._file = path.open("ab", buffering=0)
        self._file.truncate(size)  # readers stop at a truncated record and ignore everything after it
        self._writer = RecordWriter(self._file)
        if size == 0:
            self._write(file_version="brain.Event:2")

    def has_epoch(self, epoch: int) -> bool:
        return epoch in self._epochs

    def add_epoch(self, event: EpochEnded) -> None:
        self._write(step=event.epoch, summary=_scalars(points_of(event)))
        self._epochs.add(event.epoch)

    def has_ended(self, outcome: str) -> bool:
        return outcome == self._outcome

    def end(self, event: TrialEnded) -> None:
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.plugins.text.summary_v2 import text_pb

        step = last_epoch_of(event.record)
        parameters = parameters_of(event.record)
        if parameters and "trial/parameters" not in self._tags:
            rows = "".join(f"| {name} | `{value}` |\n" for name, value in parameters.items())
            text = f"{self._title}\n\n| parameter | value |\n|---|---|\n{rows}"
            self._write(step=0, summary=text_pb("trial/parameters", text))
            self._write(summary=hparams_pb(parameters, trial_id=event.trial_id))
        if event.outcome == "done":
            self._write(step=step, summary=_scalars(results_of(event.record)))
            self._write(summary=_session_end())  # can be written only once, so failures are in the text only
        # Last, so that an outcome implies a complete run.
        said = f"{event.outcome}: {event.reason}" if event.reason else event.outcome
        self._write(step=step, summary=text_pb(_OUTCOME, said))

    def close(self) -> None:
        self._file.close()

    def _write(self, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event as Message

        self._writer.write(Message(wall_time=time.time(), **content).SerializeToString())

    def _note(self, event: Any) -> None:
        for value in event.summary.value:
            self._tags.add(value.tag)
            if value.tag == _EPOCH:
                self._epochs.add(event.step)
            elif value.tag == _OUTCOME:
                self._outcome = value.tensor.string_val[0].decode().partition(":")[0]


def _scalars(values: dict[str, float]) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.scalar.summary_v2 import scalar_pb

    summary = Summary()
    for name, value in values.items():
        summary.MergeFrom(scalar_pb(name, value))
    return summary


def _session_end() -> Any:
    """Return the summary that reports success to the HPARAMS page; the library's own function imports TensorFlow."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time())
    data = plugin_data_pb2.HParamsPluginData(session_end_info=end)
    summary = Summary()
    summary.value.add(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(data),
        tensor=metadata.NULL_TENSOR,
    )
    return summary


def _read(path: Path) -> Iterator[tuple[Any, int]]:
    """Yield the complete events of a file, each with the offset at which it ends.

    A record consists of its length (uint64), the checksum of the length, its content, and the checksum of the content,
    little-endian.
    """
    from tensorboard.compat.proto.event_pb2 import Event as Message
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    content = path.read_bytes() if path.exists() else b""
    at = 0
    while at + _HEADER.size <= len(content):
        length, length_sum = _HEADER.unpack_from(content, at)
        start, end = at + _HEADER.size, at + _HEADER.size + length + _SUM.size
        if length_sum != masked_crc32c(content[at : at + 8]) or end > len(content):
            return
        body = content[start : start + length]
        if _SUM.unpack_from(content, start + length)[0] != masked_crc32c(body):
            return
        yield Message.FromString(body), end
        at = end
