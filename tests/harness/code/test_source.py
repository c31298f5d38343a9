"""Sources: comments and docstrings do not count, code does, and imports are read without running anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.code.source import Import, Source, read_source

CODE = '''
"""A module."""

import math
from lab.blocks import Block as B
from . import near


def build(request):
    """Build it."""
    # A comment.
    return B(math.sqrt(4), near.WIDTH)
'''


def read(path: Path, code: str, *, module: str = "lab.nets", hooks: frozenset[str] = frozenset()) -> Source:
    """Read code as that of a module."""
    path.write_text(code)
    return read_source(path, module=module, is_package=False, hooks=hooks)


@pytest.mark.parametrize(
    "changed",
    [
        CODE.replace("A comment.", "Another one, which is longer."),
        CODE.replace("Build it.", "Build the network."),
        CODE.replace('    """Build it."""\n', ""),
        CODE.replace("math.sqrt(4), near", "math.sqrt(4),\n        near"),
        CODE + "\n\nif __name__ == '__main__':\n    build(None)\n",
        CODE + "\nif TYPE_CHECKING:\n    from torch import Tensor\n",
        CODE.replace("import math", "import json\nimport math"),
        CODE + "\n__all__ = ['build']\n",
        CODE + "\n@hookimpl\ndef zoo_listeners():\n    yield 1\n",
    ],
)
def test_what_changes_no_result_does_not_count(tmp_path: Path, changed: str) -> None:
    assert changed != CODE
    assert read(tmp_path / "a.py", changed).digest == read(tmp_path / "b.py", CODE).digest


@pytest.mark.parametrize(
    "changed",
    [
        CODE.replace("4", "9"),
        CODE.replace("near.WIDTH", "near.DEPTH"),
        CODE.replace("Block as B", "Other as B"),
        CODE.replace("4", "4.0"),
        CODE + "\nWIDTH = 3\n",
        CODE + "\n@register\ndef zoo_listeners():\n    yield 1\n",
    ],
)
def test_code_counts(tmp_path: Path, changed: str) -> None:
    assert read(tmp_path / "a.py", changed).digest != read(tmp_path / "b.py", CODE).digest


def test_a_hook_counts_if_a_function_of_a_record_is_defined_in_it(tmp_path: Path) -> None:
    hook = "@hookimpl\ndef zoo_architectures():\n    yield Architecture(build=lambda request: Net({}))\n"
    hooks = frozenset({"zoo_architectures"})
    one, two = (read(tmp_path / f"{depth}.py", hook.format(depth), hooks=hooks) for depth in (1, 2))
    assert one.digest != two.digest
    assert read(tmp_path / "1.py", hook.format(1)).digest == read(tmp_path / "2.py", hook.format(2)).digest


def test_imports_are_absolute_and_say_what_is_used(tmp_path: Path) -> None:
    code = CODE + "\n    import json, lab.deep.er\n    importlib.import_module('.far', __package__)\n"
    source = read(tmp_path / "a.py", code)
    assert set(source.imports) == {
        Import(module="math", bound="math"),
        Import(module="lab.blocks", name="Block", bound="B"),
        Import(module="lab", name="near", bound="near"),
        Import(module="json", bound="json"),
        Import(module="lab.deep.er", bound="lab"),
        Import(module="lab.far"),
    }
    assert {each.module for each in source.imports if source.uses(each)} == {"math", "lab.blocks", "lab", "lab.far"}
    assert not source.imports_computed_names
    assert read(tmp_path / "b.py", "importlib.import_module(name)").imports_computed_names


@pytest.mark.parametrize(
    ("code", "has_effects"),
    [
        (CODE, False),
        ("import torch\nlogger = logging.getLogger(__name__)\n@dataclass\nclass A:\n    x: int = 1\n", False),
        ("class Net(nn.Module):\n    def forward(self, x):\n        return f(x)\n", False),
        ("torch.backends.cudnn.benchmark = True", True),
        ("register('net')", True),
        ("@register\ndef net():\n    pass", True),
        ("class Net(Registered):\n    pass", True),
        ("NETS['a'] = 1", True),
        ("seen = register(1)", True),
        ("try:\n    import a\nexcept ImportError:\n    a = None", False),
        ("for name in names:\n    pass", True),
    ],
)
def test_loading_a_module_does_something_or_only_defines_names(tmp_path: Path, code: str, has_effects: bool) -> None:
    assert read(tmp_path / "a.py", code).has_effects is has_effects


def test_what_is_no_python_counts_byte_for_byte(tmp_path: Path) -> None:
    one, two = read(tmp_path / "a.py", "def ("), read(tmp_path / "b.py", "def (  # x")
    assert one.digest != two.digest
    assert one.has_effects


def test_an_edit_within_one_second_and_of_one_length_is_seen(tmp_path: Path) -> None:
    assert read(tmp_path / "a.py", "x = 1").digest != read(tmp_path / "a.py", "x = 2").digest
