"""Containment: a plugin's code is called so that whatever it does is an ordinary exception under its own name.

Code in the process of zoo itself (imports, metrics of ``zoo rescore``, formats, listeners, executors) could otherwise
end zoo without a word: with ``sys.exit``, ``os._exit`` or ``KeyboardInterrupt``, or by crashing. What cannot be caught
is noted before (:mod:`zoo.calling.unfinished`).
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, NoReturn

from zoo.calling.interruption import INTERRUPTION
from zoo.calling.process_state import put_back
from zoo.calling.unfinished import noted
from zoo.catalog import Provider
from zoo.errors import PluginError, ZooError
from zoo.text import error_text, exit_call

if TYPE_CHECKING:
    from zoo.architecture import Architecture
    from zoo.hyperparameters import Hyperparameters
    from zoo.options import Option
    from zoo.preparation import Preparation
    from zoo.published import PublishedHead
    from zoo.recipe import Recipe

SLOW_SECONDS = 10.0
"""Time after which the user is told what is taking so long."""

FOREIGN_CALLS: Counter[str] = Counter()
"""Number of calls in this process of each plugin that is not built in, by name."""

tell: Callable[[str], None] | None = None
"""Called with a sentence for the user while a plugin's code takes long; None: nobody is told."""


class LeftError(PluginError):
    """A plugin's code tried to leave the process, or raised what only the interpreter or the user may raise."""


class _ExitCallError(BaseException):
    """``os._exit`` was called."""

    def __init__(self, status: object) -> None:
        self.status = status
        super().__init__(status)


@contextmanager
def contained(doing: str, provider: Provider | None = None) -> Iterator[None]:
    """Run a plugin's code in the body; exceptions of any ordinary kind pass.

    What it changes of the process is put back (see :func:`zoo.calling.process_state.put_back`). A Ctrl-C of the user
    passes with a note that tells what was interrupted.

    Args:
        doing: What the code is called for: ``importing plugin 'nets'``.
        provider: The plugin, if it is to be set aside should its code end the process.

    Raises:
        LeftError: If it calls ``sys.exit`` or ``os._exit``, or raises another exception that is not an ``Exception``.
    """
    count = INTERRUPTION.count
    foreign = provider is not None and provider.origin != "built-in"
    if foreign and provider:
        FOREIGN_CALLS[provider.name] += 1
    try:
        with (
            noted(doing, provider) if provider and foreign else nullcontext(),
            put_back(),
            _EXITS.caught(),
            _alarm(doing, foreign),
        ):
            yield
    except Exception:
        raise
    except _ExitCallError as error:
        raise LeftError(f"it called os._exit({error.status!r})") from error
    except SystemExit as error:
        raise LeftError(f"it called {exit_call(error)}") from error
    except KeyboardInterrupt as error:
        if INTERRUPTION.explains(count):
            error.add_note(f"while {doing}")
            raise
        raise LeftError("it raised KeyboardInterrupt") from error
    except BaseException as error:
        raise LeftError(f"it raised {error_text(error)}") from error


def cause_of(error: BaseException) -> str:
    """Return what a plugin's code did, to end a sentence: ``ValueError: no such file`` or ``it called sys.exit(1)``."""
    return str(error) if isinstance(error, LeftError) else error_text(error)


@contextmanager
def reported(
    doing: str,
    failed: str,
    *,
    error: Callable[[str], ZooError] = PluginError,
    passes: Callable[[BaseException], bool] = lambda raised: False,
) -> Iterator[None]:
    """Run a plugin's code in the body as :func:`contained` does, and report whatever it raises in one sentence.

    A :class:`zoo.errors.ZooError` passes, since its sentence is meant for the user already.

    Args:
        doing: What the code is called for: ``loading dataset 'birds'``.
        failed: The beginning of the sentence, before the cause: ``dataset 'birds' failed``.
        error: Makes the error of the sentence.
        passes: Whether an exception is the caller's to handle, and passes too.
    """
    try:
        with contained(doing):
            yield
    except Exception as raised:
        if passes(raised) or (isinstance(raised, ZooError) and not isinstance(raised, LeftError)):
            raise
        raise error(f"{failed}: {cause_of(raised)}") from raised


def hyperparameters_of(recipe: Recipe, name: str, provider: Provider | None = None) -> Hyperparameters:
    """Return the hyperparameters that a recipe has by default.

    Args:
        name: Name of the recipe, for the error.
        provider: The recipe's plugin.

    Raises:
        PluginError: If the recipe's function fails, or returns anything else.
    """
    from zoo.hyperparameters import Hyperparameters  # imports pydantic

    owner = f" of plugin {provider.name!r}" if provider else ""
    doing = f"creating the hyperparameters of recipe {name!r}"
    try:
        with contained(doing, provider):
            made = recipe.hyperparameters()
            if not isinstance(made, Hyperparameters):
                raise TypeError(f"expected Hyperparameters, got {type(made).__name__}")
    except Exception as error:
        raise PluginError(f"recipe {name!r}{owner} cannot create its hyperparameters: {cause_of(error)}") from error
    return made


def preparation_of(architecture: Architecture, name: str, options: Mapping[str, Option]) -> Preparation:
    """Return how images are prepared for an architecture's published weights; all is open if it does not say.

    Args:
        name: Name of the architecture, for the error.
        options: All of its options.

    Raises:
        ZooError: If there are no such weights, or its function fails or returns anything else.
    """
    from zoo.preparation import Preparation

    if architecture.preparation is None:
        return Preparation()
    failed = f"model {name!r} cannot say how images are prepared"
    with reported(f"asking model {name!r} how images are prepared", failed):
        found = architecture.preparation(options)
        if not isinstance(found, Preparation):
            raise TypeError(f"expected Preparation, got {type(found).__name__}")
    return found


def head_of(architecture: Architecture, name: str, options: Mapping[str, Option]) -> PublishedHead | None:
    """Return the head of an architecture's published weights; None if it does not say.

    Args:
        name: Name of the architecture, for the error.
        options: All of its options.

    Raises:
        ZooError: If there are no such weights, or its function fails or returns anything else.
    """
    from zoo.published import PublishedHead

    if architecture.head is None:
        return None
    failed = f"model {name!r} cannot say what its published weights classify"
    with reported(f"asking model {name!r} for its published head", failed):
        found = architecture.head(options)
        if not isinstance(found, PublishedHead):
            raise TypeError(f"expected PublishedHead, got {type(found).__name__}")
    return found


def pretraining_of(architecture: Architecture, name: str, options: Mapping[str, Option]) -> tuple[str, ...]:
    """Return the collections that an architecture's published weights were trained on; empty if it does not say.

    Arguments and errors are those of :func:`head_of`.
    """
    if architecture.pretraining is None:
        return ()
    failed = f"model {name!r} cannot say what its published weights were trained on"
    with reported(f"asking model {name!r} what its published weights were trained on", failed):
        found = tuple(architecture.pretraining(options))
        if not all(isinstance(each, str) for each in found):
            raise TypeError(f"expected names of collections, got {found!r}")
    return found


class _Exits:
    """Replaces ``os._exit`` while a plugin's code is called."""

    def __init__(self) -> None:
        self._real: Callable[[int], NoReturn] = os._exit
        self._callers: list[tuple[int, int]] = []
        """Process and thread of each call that is running."""
        self._lock = threading.Lock()

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Raise :class:`_ExitCallError` where this thread calls ``os._exit`` in the body."""
        caller = (os.getpid(), threading.get_ident())
        with self._lock:
            if not self._callers:
                self._real = os._exit
                setattr(os, "_exit", self._exit)  # noqa: B010 - a checker of types knows another signature
            self._callers.append(caller)
        try:
            yield
        finally:
            with self._lock:
                self._callers.remove(caller)
                if not self._callers:
                    setattr(os, "_exit", self._real)  # noqa: B010 - as above

    def _exit(self, status: int) -> NoReturn:
        # A fork of this process and other threads may leave as they like, and so may code that kept this function.
        if (os.getpid(), threading.get_ident()) in self._callers:
            raise _ExitCallError(status)
        self._real(status)


_EXITS = _Exits()


@contextmanager
def _alarm(doing: str, foreign: bool) -> Iterator[None]:
    if tell is None or not foreign:
        yield
        return
    sentence = f"still {doing}, after {SLOW_SECONDS:g} s; Ctrl-C stops zoo"
    timer = threading.Timer(SLOW_SECONDS, tell, [sentence])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
