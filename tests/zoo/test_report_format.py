"""Report formats: the suffix of their files is checked when a record is made."""

from __future__ import annotations

import pytest

from zoo.report_format import ReportFormat


@pytest.mark.parametrize("suffix", ["rst", ".", ".RST", "./x", ".far_too_long", ".a\n", ""])
def test_a_report_format_refuses_a_suffix_that_is_none(suffix: str) -> None:
    with pytest.raises(ValueError, match=r"report format 'x': suffix must be like '\.rst'"):
        ReportFormat(name="x", render=str, suffix=suffix)


def test_files_are_plain_text_by_default() -> None:
    assert ReportFormat(name="x", render=str).suffix == ".txt"
