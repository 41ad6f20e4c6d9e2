"""Steps and plans are shared by processes that are forked."""

from functools import cached_property

import pytest

from refnet.architecture.plan import Plan
from refnet.architecture.step import Step


@pytest.mark.parametrize("kind", [Plan, Step])
def test_nothing_is_kept_behind_a_lock(kind):
    """Before Python 3.12, a child that is forked meanwhile would wait for it for ever."""
    assert not [name for name, value in vars(kind).items() if isinstance(value, cached_property)]
