"""The catalog: full and short names, patterns, and what a name that is not there says."""

from __future__ import annotations

import pytest

from zoo.architecture import Architecture
from zoo.catalog import Entry, Plugin, Provider, Registry
from zoo.errors import AmbiguousNameError, PluginError, UnknownNameError


def _registry(*full_names: str, short: bool = True, broken: tuple[Plugin, ...] = ()) -> Registry[Architecture]:
    entries = {}
    for each in full_names:
        namespace, name = each.split("/")
        record = Architecture(name=name, namespace=namespace, short=short, build=_never_called)
        provider = Provider(name=namespace, origin="file", module=f"{namespace}.py", namespace=namespace)
        entries[each] = Entry(record=record, full_name=each, provider=provider)
    return Registry("model", entries, lister="zoo list models", absent=broken)


def _never_called(request: object) -> None:  # type: ignore[return]
    raise AssertionError("a catalog builds nothing")


def _broken(name: str, origin: str = "entry point") -> Plugin:
    provider = Provider(name=name, origin=origin, module=name, namespace=name.lower())
    return Plugin(provider=provider, state="broken", problem="ImportError: no module named nix")


def test_a_record_is_found_by_its_full_and_its_short_name() -> None:
    registry = _registry("timm/resnet18")
    assert registry.get("timm/resnet18") is registry.get("resnet18")
    assert "resnet18" in registry
    assert "timm/resnet18" in registry


def test_a_record_without_a_short_name_goes_by_its_full_name_only() -> None:
    registry = _registry("torchvision/resnet18", short=False)
    assert registry.get("torchvision/resnet18").display_name == "torchvision/resnet18"
    with pytest.raises(UnknownNameError):
        registry.get("resnet18")


def test_a_short_name_that_two_providers_claim_is_an_error_that_lists_both() -> None:
    registry = _registry("a/net", "b/net", "a/other")
    with pytest.raises(AmbiguousNameError) as caught:
        registry.get("net")
    assert caught.value.full_names == ("a/net", "b/net")
    assert str(caught.value) == "model 'net' is ambiguous: use the full name, a/net (a.py) or b/net (b.py)"
    assert registry.get("b/net").provider.name == "b"


def test_records_that_share_a_short_name_are_shown_by_their_full_names() -> None:
    registry = _registry("a/net", "b/net", "a/other")
    assert [entry.display_name for entry in registry] == ["a/net", "other", "b/net"]


def test_an_unknown_name_has_near_ones_and_the_command_that_lists_all() -> None:
    with pytest.raises(UnknownNameError) as caught:
        _registry("timm/resnet18", "timm/vgg11").get("Resnet_18")
    assert str(caught.value) == "no model is called 'Resnet_18'; did you mean 'resnet18'? (zoo list models lists all)"


def test_an_unknown_full_name_is_held_against_full_names() -> None:
    with pytest.raises(UnknownNameError) as caught:
        _registry("timm/resnet18").get("tim/resnet18")
    assert caught.value.near == ("timm/resnet18",)


def test_selecting_something_of_a_broken_plugin_says_that_it_is_broken() -> None:
    with pytest.raises(PluginError, match="'my_nets/x' belongs to plugin 'My_Nets', which is broken: ImportError"):
        _registry(broken=(_broken("My_Nets"),)).get("my_nets/x")


def test_an_unknown_short_name_mentions_what_is_broken() -> None:
    with pytest.raises(UnknownNameError, match="broken plugins, see zoo plugins: mine"):
        _registry("timm/resnet18", broken=(_broken("mine"),)).get("resnet19")


def test_a_broken_built_in_is_not_blamed_for_a_name_of_another() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'zoo/lenet5'"):
        _registry("zoo/lenet5", broken=(_broken("zoo", origin="built-in"),)).get("zoo/lenet")


def test_a_pattern_matches_short_names_and_with_a_slash_full_names_in_natural_order() -> None:
    registry = _registry("zoo/resnet110", "zoo/resnet20", "timm/resnet20", "zoo/vgg11")

    def matched(pattern: str) -> list[str]:
        return [entry.full_name for entry in registry.match(pattern)]

    assert matched("resnet*") == ["timm/resnet20", "zoo/resnet20", "zoo/resnet110"]
    assert matched("zoo/*") == ["zoo/resnet20", "zoo/resnet110", "zoo/vgg11"]
    assert matched("nothing*") == matched("[") == []


def test_a_registry_lists_its_records_in_alphabetical_order() -> None:
    registry = _registry("b/x", "a/y")
    assert [entry.full_name for entry in registry] == ["a/y", "b/x"]
    assert len(registry) == 2
