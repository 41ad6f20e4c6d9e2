"""The lock that is held while Numba compiles or loads compiled code."""

from __future__ import annotations

import os
import threading

# A fork waits for it: a child that inherited a lock held by a thread it does not have would wait for ever.
COMPILER_LOCK = threading.RLock()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=COMPILER_LOCK.acquire, after_in_parent=COMPILER_LOCK.release, after_in_child=COMPILER_LOCK.release
    )
