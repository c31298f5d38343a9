"""What Ray raises, in one sentence. Never imports ray: errors are known by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator

TOKEN_HELP = "set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH to a file that holds it"

_LOST = {
    "WorkerCrashedError": "its process on node {node} ended unexpectedly",
    "LocalRayletDiedError": "Ray on node {node} ended",
    "NodeDiedError": "node {node} is gone or out of reach",
    "OutOfMemoryError": "Ray ended its process on node {node}, whose memory was nearly full",
    "ObjectLostError": "node {node} was lost before it had sent everything",
    "OwnerDiedError": "node {node} was lost before it had sent everything",
    "ObjectFetchTimedOutError": "its output could not be fetched from node {node}",
    "OutOfDiskError": "the disk of node {node} is full",
    "ObjectStoreFullError": "Ray's object store on node {node} is full",
    "RuntimeEnvSetupError": "Ray could not start a process for it on node {node}",
    "TaskUnschedulableError": "node {node} was gone before it could start",
}


def lost_task(error: BaseException, node: str) -> str:
    """Say how a task came to be lost on *node*."""
    for kind in type(error).__mro__:
        if kind.__name__ in _LOST:
            return _LOST[kind.__name__].format(node=node)
    missing = _missing_module(str(error))
    if missing in ("plugins", "zoo"):
        return f"node {node} does not have zoobench: install the same packages there as here"
    return f"Ray could not run it on node {node} ({type(error).__name__}: {last_line(str(error))})"


def failed_connection(error: BaseException, address: str) -> str:
    """Return why the cluster at *address* could not be reached; empty: why a new one could not be started."""
    # What is at the bottom of it comes as a cause, or within another's text.
    text, name = "\n".join(_sentences(error)), type(error).__name__
    where = f"the Ray cluster at {address}" if address else "a Ray cluster on this machine"
    if name == "AuthenticationError" or "AuthenticationError" in text or "InvalidAuthToken" in text:
        return f"{where} requires a different token: {TOKEN_HELP}"
    if "Version mismatch" in text:
        theirs, ours = (
            [f"{what} {version}" for what, version in re.findall(r"(Ray|Python): (\S+)", half)[:2]]
            for half in text.partition("Version mismatch")[2].partition("This process")[::2]
        )
        has, own = " and ".join(theirs), " and ".join(ours)
        return f"{where} has {has}, but this machine has {own}: use the same on all machines"
    if "Could not find any running Ray instance" in text:
        return "there is no Ray cluster on this machine: start one with 'ray start --head', or give the address of one"
    if "No node info found" in text or "Can't find a" in text:
        return (
            f"this machine is not a node of {where}: join it with 'ray start --address={address} --num-cpus=0', "
            "or start the bench on a machine that is"
        )
    if not address:
        return f"{where} could not be started ({name}: {last_line(text)})"
    return f"{where} could not be reached ({name}: {last_line(text)})"


def _sentences(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield str(error)
        error = error.__cause__ or error.__context__


def last_line(text: str) -> str:
    """Return the last line that says something, with what colours it taken out."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _missing_module(text: str) -> str:
    found = re.findall(r"ModuleNotFoundError: No module named '(\w+)", text)
    return found[-1] if found else ""
