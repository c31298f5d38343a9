"""Trust: which installed plugins may be imported is the user's to say, before any of their code runs."""

from __future__ import annotations

import pytest

from zoo.trust import Trust


@pytest.mark.parametrize(
    ("text", "plugin", "distribution", "allowed"),
    [
        ("", "nets", "zoo-nets", True),
        (" , ", "nets", "zoo-nets", True),
        ("nets", "nets", "zoo-nets", True),
        ("zoo-nets", "nets", "zoo-nets", True),
        ("Zoo_Nets", "nets", "zoo.nets", True),
        ("other", "nets", "zoo-nets", False),
        ("other, nets", "nets", "zoo-nets", True),
        ("-nets", "nets", "zoo-nets", False),
        ("-zoo-nets", "nets", "zoo-nets", False),
        ("-other", "nets", "zoo-nets", True),
        ("zoo-nets,-nets", "nets", "zoo-nets", False),
        ("zoo-nets,-extra", "nets", "zoo-nets", True),
        ("nets", "Nets", "", True),
        ("-", "nets", "zoo-nets", True),
    ],
)
def test_a_list_allows_and_blocks_by_plugin_or_distribution(
    text: str, plugin: str, distribution: str, allowed: bool
) -> None:
    assert (Trust.parse(text).refusal(plugin, distribution) == "") is allowed


def test_a_refusal_names_the_list() -> None:
    assert Trust.parse("-zoo-nets").refusal("nets", "zoo-nets") == "ZOO_PLUGINS blocks 'zoo-nets'"
    assert Trust.parse("other").refusal("nets", "zoo-nets") == "ZOO_PLUGINS does not allow it"


def test_a_distribution_without_a_name_is_not_blocked_by_an_empty_item() -> None:
    assert Trust.parse("-,,").refusal("nets", "") == ""


def test_listed_but_missing_files_are_reported() -> None:
    assert Trust.parse("nets,-zoo_extra,nest").unmatched(["nets", "zoo-extra"]) == ["nest"]
