"""Frames: a JSON object and any number of byte strings, sent whole over a socket. Nothing is unpickled.

On the wire: the length of the head as four bytes, the head ``{"head": …, "sizes": […]}``, then the contents.
"""

from __future__ import annotations

import json
import select
import socket
import struct
from collections.abc import Mapping
from typing import Any

_LENGTH = struct.Struct(">I")
_STALLED_SECONDS = 60.0
"""A frame that has begun comes within this time: its other end is a process of this machine."""

Frame = tuple[dict[str, Any], list[bytes]]


class ChannelClosedError(Exception):
    """The other end is gone, or stands still."""


class Channel:
    """One end of a connection. One thread may send while another receives."""

    def __init__(self, connection: socket.socket, *, patient: bool = False) -> None:
        """Talk over *connection*.

        Args:
            connection: A stream socket, which now belongs to the channel.
            patient: Whether to wait without end for an other end that does not take what is sent.
        """
        connection.settimeout(None if patient else _STALLED_SECONDS)
        self._connection = connection

    def send(self, head: Mapping[str, Any], *contents: bytes) -> None:
        """Send one frame.

        Raises:
            ChannelClosedError: If it cannot be sent.
        """
        text = json.dumps({"head": head, "sizes": [len(each) for each in contents]}).encode()
        try:
            self._connection.sendall(_LENGTH.pack(len(text)) + text)
            for content in contents:
                self._connection.sendall(content)
        except OSError as error:  # a timeout is one
            raise ChannelClosedError(str(error)) from error

    def receive(self, seconds: float | None = None) -> Frame | None:
        """Return the next frame; None if none begins within *seconds*. None for *seconds*: wait for one.

        Raises:
            ChannelClosedError: If there will be none.
        """
        try:
            if seconds is not None and not select.select([self._connection], [], [], max(0.0, seconds))[0]:
                return None
            (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
            frame = json.loads(self._read(length))
            return frame["head"], [self._read(size) for size in frame["sizes"]]
        except (OSError, ValueError) as error:
            raise ChannelClosedError(str(error)) from error

    def close(self) -> None:
        self._connection.close()

    def _read(self, size: int) -> bytes:
        buffer = bytearray(size)
        view, filled = memoryview(buffer), 0
        while filled < size:
            count = self._connection.recv_into(view[filled:])
            if not count:
                raise ChannelClosedError("the other end has closed")
            filled += count
        return bytes(buffer)
