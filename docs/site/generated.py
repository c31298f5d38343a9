"""Rewrites the generated parts of the pages: fields of records, hooks and conformance checks, as the code states them.

A part stands between ``<!-- fields: zoo.dataset.Split -->``, ``<!-- hook: zoo_datasets -->`` or
``<!-- checks: recipes -->`` and ``<!-- end -->``.
``tests/docs/test_generated.py`` fails while a page and the code differ; ``python docs/site/generated.py`` updates all
pages. The code is read and not imported, so that this runs in any environment.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
_PART = re.compile(r"^(<!-- (fields|hook|checks): ([\w.]+) -->\n).*?^(<!-- end -->)$", re.MULTILINE | re.DOTALL)
_ROLE = re.compile(r":(?:class|func|mod|data|meth|attr):`~?([^`]+)`")


def updated(text: str) -> str:
    """Return the text of a page with its generated parts as the code has them."""

    def part(found: re.Match[str]) -> str:
        content = {"fields": _fields, "hook": _hook, "checks": _checks}[found[2]]
        return f"{found[1]}\n{content(found[3])}\n\n{found[4]}"

    return _PART.sub(part, text)


def pages() -> Iterator[Path]:
    """Yield every page of the documentation."""
    yield from sorted((ROOT / "docs").rglob("*.md"))


def _fields(name: str) -> str:
    """Return the docstring of a class, and a table of its fields with their types, defaults and docstrings."""
    node = _class(name)
    rows = ["| field | type | meaning |", "|---|---|---|"]
    for statement, following in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if statement.target.id.startswith("_") or statement.target.id == "model_config":
            continue
        meaning = _described(statement.value)
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            meaning = _one_line(str(following.value.value))
        rows.append(f"| `{statement.target.id}` | {_code(statement.annotation)} | {meaning}{_default(statement)} |")
    summary = _one_line((ast.get_docstring(node) or "").partition("\n\n")[0])
    return "\n".join([summary, "", *rows] if len(rows) > 2 else [summary])


def _class(name: str) -> ast.ClassDef:
    module, _, wanted = name.rpartition(".")
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == wanted:
            return node
    raise LookupError(f"{path} has no class {wanted}")


def _described(value: ast.expr | None) -> str:
    """Return the description in a call of pydantic's ``Field``, as a sentence."""
    for keyword in value.keywords if isinstance(value, ast.Call) else []:
        if keyword.arg == "description" and isinstance(keyword.value, ast.Constant):
            text = _one_line(str(keyword.value.value))
            return f"{text[:1].upper()}{text[1:]}."
    return ""


def _default(statement: ast.AnnAssign) -> str:
    """Return the default of a field where it is a plain value."""
    value = statement.value
    if isinstance(value, ast.Call):
        named = [each.value for each in value.keywords if each.arg == "default"]
        value = named[0] if named else (value.args[0] if value.args else None)
    if value is None or isinstance(value, ast.Call | ast.Lambda) or ast.unparse(value) in ("''", "..."):
        return ""
    return f" Default: `{ast.unparse(value)}`.".replace("|", r"\|")


def _code(node: ast.expr) -> str:
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ast.unparse(node)
    return f"`{text}`".replace("|", r"\|")


def _one_line(text: str) -> str:
    """Return a docstring as one line of Markdown that a table can hold."""
    return " ".join(_ROLE.sub(r"`\1`", text).replace("``", "`").split()).replace("|", r"\|")


def _hook(name: str) -> str:
    """Return the signature of a hook, and its docstring."""
    path = ROOT / "zoo" / "hookspecs.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            returns = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
            signature = f"def {name}({ast.unparse(node.args)}){returns}"
            return f"```python\n{signature}\n```\n\n{_one_line(ast.get_docstring(node) or '')}"
    raise LookupError(f"{path} has no hook {name}")


def _checks(kind: str) -> str:
    """Return a table of the conformance checks for a kind of record."""
    rows = ["| check | why |", "|---|---|"]
    for node in ast.walk(ast.parse((ROOT / "zoo" / "testing" / "checks.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_of" and ast.literal_eval(node.args[0]) == kind:
            slow = " (slow)" if any(keyword.arg == "slow" for keyword in node.keywords) else ""
            rows += [f"| `{name}` | {why}{slow} |" for name, why in map(ast.literal_eval, node.args[1:])]
    return "\n".join(rows)


if __name__ == "__main__":
    for page in pages():
        before = page.read_text(encoding="utf-8")
        if (after := updated(before)) != before:
            page.write_text(after, encoding="utf-8")
            print(page.relative_to(ROOT))
