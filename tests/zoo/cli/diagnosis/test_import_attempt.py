"""Probes run in a separate process."""

from __future__ import annotations

from zoo.cli.diagnosis import examination


def test_the_fork_server_is_tried_in_a_process_of_its_own() -> None:
    assert examination.probe("fork_server").facts == {"available": True}


def test_a_failed_probe_reports_its_last_line() -> None:
    assert "KeyError: 'absent'" in examination.probe("absent").error


def test_torch_is_tried_with_every_accelerator_that_it_sees() -> None:
    facts = examination.probe("torch").facts
    assert facts is not None
    assert (facts["gpus"] == []) == (facts["accelerator"] == "")
    assert facts["gpu_trouble"] == ""
