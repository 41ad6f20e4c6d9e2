import pytest
from hypothesis import settings

settings.register_profile("refnet", deadline=None)  # a loaded machine is no failure
settings.load_profile("refnet")


@pytest.fixture(scope="session", autouse=True)
def _no_downloads(tmp_path_factory):
    """No test touches the network or the cache of the person who runs it; see tests/hub/test_fetch.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REFNET_OFFLINE", "1")
        patch.setenv("REFNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_make_parametrize_id(val, argname):
    """A case is named by its place, never by bytes that differ from process to process (a zip carries the time)."""
    return argname if isinstance(val, (bytes, bytearray)) else None
