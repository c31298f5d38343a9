"""Leaving: the process ends when its work is done, whatever threads and exit handlers plugins have left in it."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from typing import NoReturn

PATIENCE_SECONDS = 10.0
"""Time for threads and exit handlers of plugins, such as a tracker that sends its last numbers."""


def leave(error: SystemExit) -> NoReturn:
    """End the process as *error* says; where plugins were called, at the latest after :data:`PATIENCE_SECONDS`."""
    containment = sys.modules.get("zoo.calling.containment")
    if containment is not None and containment.FOREIGN_CALLS:
        code = error.code if isinstance(error.code, int) else 1 if error.code else 0
        threading.Thread(target=_end_late, args=(code,), name="zoo leaves", daemon=True).start()
    elif "torch" not in sys.modules:  # whose Triton says of all that is not collected that it leaks
        gc.freeze()  # nothing needs to be found garbage first; it took a seventh of the time of `zoo rank`
    raise error


def _end_late(code: int) -> NoReturn:
    time.sleep(PATIENCE_SECONDS)
    names = [each.name for each in threading.enumerate() if not each.daemon and each is not threading.main_thread()]
    culprit = f"the thread {', '.join(map(repr, names))}" if names else "an exit handler"
    sentence = f"zoo: {culprit} of a plugin kept the process alive for {PATIENCE_SECONDS:g} s, and was ended"
    os.write(2, f"{sentence}\n".encode(errors="replace"))
    os._exit(code)
