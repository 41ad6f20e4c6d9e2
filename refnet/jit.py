"""The lock that is held while Numba compiles or loads compiled code."""

from __future__ import annotations

import os
import threading

# A fork waits for it: a child that inherited a lock held by a thread it does not have would wait for ever.
LOCK = threading.RLock()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release)
