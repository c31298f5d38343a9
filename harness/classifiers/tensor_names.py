"""Tensor names: what wrappers and other implementations call the tensors of a network, translated to its own names.

===========================================  ==========================================================
``module.``, ``backbone.`` and the like       removed where every name has it, or where the rest of the
                                             names covers the network; ``--prefix`` chooses
``_orig_mod.``, ``_fsdp_wrapped_module.``     removed anywhere in a name
``n_averaged``                               left out: the counter of stochastic weight averaging
other names                                  ``--rename REGEX=REPLACEMENT``
===========================================  ==========================================================
"""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from torch import Tensor, nn

from harness.networks.state_dicts import COUNTER_SUFFIX
from zoo.errors import UsageError

_PREFIXES = ("module.", "model.", "net.", "network.", "backbone.", "timm_model.")
"""What DataParallel, DDP, averaged models and modules around a network put before every name."""
_INFIXES = re.compile(r"(?:^|(?<=\.))(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""What ``torch.compile``, FSDP and activation checkpointing put before the names of any module that they wrap."""
_AVERAGE_COUNTER = "n_averaged"
"""A buffer of ``torch.optim.swa_utils.AveragedModel``."""
_MOST_RENAMES = 12
"""A proposal of more renames than this is of no use to a reader."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rename:
    """A regular expression whose matches in tensor names are replaced."""

    pattern: str
    replacement: str

    @classmethod
    def parse(cls, text: str) -> Rename:
        """Read ``REGEX=REPLACEMENT``; the last equals sign separates them.

        Raises:
            UsageError: If there is no equals sign, or the expression is not valid.
        """
        pattern, separator, replacement = text.rpartition("=")
        if not separator or not pattern:
            raise UsageError(rf"--rename {text}: expected REGEX=REPLACEMENT, such as 'layer(\d)\.=stages.\1.'")
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise UsageError(f"--rename {text}: {pattern!r} is not a regular expression: {error}") from error
        return cls(pattern=pattern, replacement=replacement)

    def apply(self, name: str) -> str:
        """Return *name* with all matches replaced.

        Raises:
            UsageError: If the replacement refers to a group that the expression does not have.
        """
        try:
            return re.sub(self.pattern, self.replacement, name)
        except (re.error, IndexError) as error:
            raise UsageError(f"--rename {self}: {self.replacement!r} is not a valid replacement: {error}") from error

    def __str__(self) -> str:
        return f"{self.pattern}={self.replacement}"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NamedTensors:
    """Tensors under the names of a network, as far as these could be found."""

    tensors: dict[str, Tensor]
    notes: tuple[str, ...]
    """A sentence for each change that was made."""


def translate_names(
    tensors: Mapping[str, Tensor],
    model: nn.Module,
    *,
    ignore: Sequence[str] = (),
    prefix: str | None = None,
    renames: Sequence[Rename] = (),
) -> NamedTensors:
    """Translate the names of *tensors* to those of *model*.

    Args:
        tensors: By name, as a file has them.
        model: The network that they belong to.
        ignore: Shell-style patterns of names that are left out, unless the network has such a tensor.
        prefix: Take only the tensors whose names begin with it; None finds it where only one is possible.
        renames: Applied in order once the prefix is removed.

    Raises:
        UsageError: If no name has the prefix, several prefixes are possible, a rename or a pattern matches nothing, or
            two tensors get the same name.
    """
    own = [name for name, value in model.state_dict().items() if isinstance(value, Tensor)]
    notes: list[str] = []
    names = {name: name for name in tensors}
    if _AVERAGE_COUNTER in names and _AVERAGE_COUNTER not in own:
        del names[_AVERAGE_COUNTER]
        notes.append(f"left out {_AVERAGE_COUNTER!r}, the counter of an averaged model")
    if not any(_INFIXES.search(name) for name in own):
        names = {source: _INFIXES.sub("", name) for source, name in names.items()}
    if prefix is not None:
        names, note = _under(prefix, names)
        notes.append(note)
    removed = _remove_common_prefixes(names, own, ignore) if prefix is None else ""
    for rename in renames:
        changed = {source: rename.apply(name) for source, name in names.items()}
        if changed == names:
            raise UsageError(
                f"--rename {rename} matches no tensor name; the first is {next(iter(names.values()), '')!r}"
            )
        names = changed
    if prefix is None:
        removed += _remove_covering_prefix(names, own)
    if removed:
        notes.append(f"prefix {removed!r} was removed from tensor names")
    _check_distinct(names)
    notes += _idle_patterns(ignore, tensors, names, own)
    return NamedTensors(
        tensors={
            name: tensors[source]
            for source, name in names.items()
            if name in own or not (_matches(source, ignore) or _matches(name, ignore))
        },
        notes=tuple(notes),
    )


def _idle_patterns(
    ignore: Sequence[str], tensors: Iterable[str], names: Mapping[str, str], own: Sequence[str]
) -> Iterator[str]:
    """Yield a note for each pattern that leaves out nothing, as the network has the tensors that it matches.

    Raises:
        UsageError: If a pattern matches nothing.
    """
    tensors = list(tensors)
    for pattern in ignore:
        matched = [name for name in tensors if _matches(name, [pattern]) or _matches(names.get(name, name), [pattern])]
        if not matched:
            raise UsageError(f"--ignore {pattern} matches no tensor name; the first is {next(iter(tensors), '')!r}")
        if all(names.get(name) in own for name in matched):
            yield f"--ignore {pattern} leaves out nothing, as the network needs {names[matched[0]]!r}"


def propose_renames(given: Mapping[str, Tensor], model: nn.Module) -> tuple[Rename, ...]:
    """Return renames that turn the names in *given* into those of *model*; empty if none can be recommended.

    They are proposed only where the tensors fit the network one to one, by order and by shape, and where weights
    become weights and biases become biases.
    """
    wanted = {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}
    old, new = (
        [(name, tuple(value.shape)) for name, value in each.items() if not name.endswith(COUNTER_SUFFIX)]
        for each in (given, wanted)
    )
    if [shape for _, shape in old] != [shape for _, shape in new]:
        return ()
    pairs = [(one, other) for (one, _), (other, _) in zip(old, new, strict=True)]
    if any(_last(one) != _last(other) for one, other in pairs):
        return ()
    for context in (0, 1, 2, 3):
        for general in (True, False):
            rules = tuple(dict.fromkeys(_rules(pairs, context, general=general)))
            if 0 < len(rules) <= _MOST_RENAMES and all(_renamed(one, rules) == other for one, other in pairs):
                return rules
    return ()


def _under(prefix: str, names: dict[str, str]) -> tuple[dict[str, str], str]:
    """Return the names that begin with *prefix*, without it, and a note on the others."""
    prefix = _INFIXES.sub("", prefix if prefix.endswith(".") else f"{prefix}.")
    found = {source: name.removeprefix(prefix) for source, name in names.items() if name.startswith(prefix)}
    if not found:
        begin = dict.fromkeys(name.partition(".")[0] + "." for name in names.values() if "." in name)
        raise UsageError(f"no tensor name begins with --prefix {prefix}; names begin with {', '.join(list(begin)[:5])}")
    num_others = len(names) - len(found)
    return found, f"prefix {prefix!r} was removed from tensor names; {num_others} without it were left out"


def _remove_common_prefixes(names: dict[str, str], own: Sequence[str], ignore: Sequence[str]) -> str:
    """Remove, in place, known prefixes that all names have and the network's names do not have; return them."""
    removed = ""
    while True:
        relevant = [name for source, name in names.items() if not (_matches(source, ignore) or _matches(name, ignore))]
        found = next((each for each in _PREFIXES if relevant and all(name.startswith(each) for name in relevant)), "")
        if not found or any(name.startswith(found) for name in own):
            return removed
        for source, name in names.items():
            names[source] = name.removeprefix(found)
        removed += found


def _remove_covering_prefix(names: dict[str, str], own: Sequence[str]) -> str:
    """Remove, in place, the prefix under which the whole network is found, or most of it; return it.

    Raises:
        UsageError: If the network is found under several.
    """
    required = [name for name in own if not name.endswith(COUNTER_SUFFIX)]
    if set(required) <= set(names.values()):
        return ""
    counts = Counter(
        name[: len(name) - len(each)] for each in required for name in names.values() if f".{name}".endswith(f".{each}")
    )
    whole = [prefix for prefix, count in counts.items() if count == len(required)]
    if not counts:
        return ""
    if len(whole) > 1:
        raise UsageError(
            f"the weights are there {len(whole)} times, under {', '.join(map(repr, whole))}; choose one with --prefix"
        )
    best, count = counts.most_common(1)[0]
    if not whole and 2 * count < len(required):
        return ""
    for source, name in names.items():
        names[source] = name.removeprefix(best)
    return best


def _check_distinct(names: Mapping[str, str]) -> None:
    doubles = [name for name, count in Counter(names.values()).items() if count > 1]
    if doubles:
        sources = [source for source, name in names.items() if name == doubles[0]]
        raise UsageError(f"{' and '.join(map(repr, sources[:3]))} would both be called {doubles[0]!r}")


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _renamed(name: str, rules: Iterable[Rename]) -> str:
    for rule in rules:
        name = rule.apply(name)
    return name


def _rules(pairs: Iterable[tuple[str, str]], context: int, *, general: bool) -> Iterator[Rename]:
    """Yield a rename for each place in which two names differ, with *context* equal components before it."""
    for one, other in pairs:
        old, new = one.split("."), other.split(".")
        blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        for index, (kind, start, end, new_start, new_end) in enumerate(blocks):
            if kind == "equal":
                continue
            before = blocks[index - 1][2] - blocks[index - 1][1] if index else 0
            after = blocks[index + 1][2] - blocks[index + 1][1] if index + 1 < len(blocks) else 0
            is_pure = kind in ("insert", "delete")
            left = min(before, max(context, 1 if is_pure and not after else 0))
            right = 1 if is_pure and after else 0
            yield _rule(
                ".".join(old[start - left : end + right]), ".".join(new[new_start - left : new_end + right]), general
            )


def _rule(old: str, new: str, general: bool) -> Rename:
    """Return the rename of *old* to *new*; in general, numbers that reappear stand for every number."""
    pattern, replacement = "", new
    groups = 0
    for part in re.split(r"(\d+)", old):
        if general and part.isdigit() and len(re.findall(rf"(?<![\d\\]){part}(?!\d)", replacement)) == 1:
            groups += 1
            replacement = re.sub(rf"(?<![\d\\]){part}(?!\d)", rf"\\{groups}", replacement)
            pattern += r"(\d+)"
        else:
            pattern += re.escape(part)
    return Rename(pattern=rf"\b{pattern}\b", replacement=replacement)
