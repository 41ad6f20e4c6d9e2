"""Testing: a port's own tests fail with the sentence that says what is wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from refnet.arrays import Array
from refnet.comparison.compare import compare
from refnet.comparison.sides import PathLike


def assert_matches(golden: PathLike, mine: PathLike | Mapping[str, Array], **options: Any) -> None:
    """Fail unless a port's tensors are those of a golden, up to other roundings.

    Parameters
    ----------
    golden
        What ``refnet golden`` wrote.
    mine
        The port's tensors: files as ``refnet.compare`` takes them, or arrays by the names of steps.
    options
        Of ``refnet.compare``.

    Raises
    ------
    AssertionError
        If a tensor is wrong: the verdict, where it is wrong, and what was computed instead.
    InputError
        If one of them cannot be read at all.

    Examples
    --------
    >>> import numpy as np, refnet, tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     net = refnet.load("lite0")
    ...     manifest = refnet.record("lite0", f"{place}/golden", stimulus="codes", steps=["logits", "probabilities"])
    ...     logits = np.load(f"{place}/golden/logits.npy")
    ...     assert_matches(f"{place}/golden", {"logits": logits})
    ...     assert_matches(f"{place}/golden", {"logits": logits, "probabilities": np.exp(logits)})
    Traceback (most recent call last):
    ...
    AssertionError: first wrong: probabilities (tensor 2 of 2): ...
    """
    if isinstance(mine, Mapping):
        with tempfile.TemporaryDirectory(prefix="refnet-") as folder:
            path = Path(folder) / "mine.npz"
            np.savez(path, **mine)  # type: ignore[arg-type]
            found = compare(golden, path, **options)
    else:
        found = compare(golden, mine, **options)
    if found.exit_code:
        findings = [finding.text for finding in found.findings if finding.severity in ("wrong", "damaged")]
        raise AssertionError("\n".join([found.verdict, *(said.text for said in found.account), *findings]))
