"""The one word for an array whose dtype the code, not the type checker, looks after."""

from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
