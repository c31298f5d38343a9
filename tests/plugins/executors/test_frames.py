"""Frames: JSON and bytes over a socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from plugins.executors._frames import Channel, ChannelClosedError


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    ours, theirs = (Channel(each) for each in socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def test_a_frame_arrives_as_it_was_sent_however_large(ends: tuple[Channel, Channel]) -> None:
    ours, theirs = ends
    head, contents = {"text": "ä\n\0", "list": [1, None]}, (b"", b"\0\xff", bytes(3_000_000))
    sender = threading.Thread(target=ours.send, args=(head, *contents))
    sender.start()
    assert theirs.receive() == (head, list(contents))
    sender.join()


def test_frames_keep_their_order(ends: tuple[Channel, Channel]) -> None:
    for number in range(20):
        ends[0].send({"number": number})
    frames = [ends[1].receive(1) for _ in range(20)]
    assert [frame and frame[0]["number"] for frame in frames] == list(range(20))


def test_waiting_for_a_frame_ends_in_time(ends: tuple[Channel, Channel]) -> None:
    assert ends[1].receive(0) is None
    assert ends[1].receive(0.05) is None
    assert ends[1].receive(-1) is None


def test_a_closed_end_is_an_error_for_both_directions(ends: tuple[Channel, Channel]) -> None:
    ends[1].close()
    with pytest.raises(ChannelClosedError):
        ends[0].receive(1)
    with pytest.raises(ChannelClosedError):
        ends[0].send({}, bytes(10_000_000))


def test_half_a_frame_is_an_error_once_its_other_end_is_gone() -> None:
    raw, ours = socket.socketpair()
    channel = Channel(ours)
    raw.sendall(b"\0\0\0\x20{")
    raw.close()
    with pytest.raises(ChannelClosedError):
        channel.receive(1)
    channel.close()


def test_an_end_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.executors._frames._STALLED_SECONDS", 0.05)
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    with pytest.raises(ChannelClosedError):
        channel.send({}, bytes(10_000_000))
    channel.close()
    theirs.close()
