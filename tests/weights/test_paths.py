"""Where weight files are found, and what is said where they are not."""

from pathlib import Path

import platformdirs
import pytest
from helpers.places import ROOT

from refnet.errors import UnknownModelError, WeightsNotFoundError
from refnet.weights import paths


def make_checkout(root: Path) -> None:
    """Leave the mark by which a source checkout is known."""
    (root / "pyproject.toml").touch()


class TestFind:
    @pytest.fixture(autouse=True)
    def _empty_cache(self, tmp_path, monkeypatch):
        monkeypatch.setenv("REFNET_CACHE", str(tmp_path / "cache"))

    def test_the_repository_holds_lite0(self):
        assert paths.find("lite0") == ROOT / "weights" / "lite0.h5"

    def test_an_own_directory_comes_first(self, tmp_path, monkeypatch):
        monkeypatch.setenv("REFNET_WEIGHTS", str(tmp_path))
        assert paths.find("lite0") == ROOT / "weights" / "lite0.h5"
        for name in ("lite0", "b1"):
            (tmp_path / f"{name}.h5").touch()
            assert paths.find(name) == tmp_path / f"{name}.h5"

    def test_an_installed_package_carries_its_own(self, tmp_path, monkeypatch):
        (tmp_path / "refnet" / "data").mkdir(parents=True)
        (tmp_path / "refnet" / "data" / "lite0.h5").touch()
        monkeypatch.setattr("refnet.weights.paths.DATA", tmp_path / "refnet" / "data")
        assert paths.find("lite0") == tmp_path / "refnet" / "data" / "lite0.h5"

    def test_weights_beside_the_package_count_in_a_source_checkout_only(self, tmp_path, monkeypatch):
        monkeypatch.delenv("REFNET_WEIGHTS", raising=False)
        monkeypatch.setattr("refnet.weights.paths.DATA", tmp_path / "refnet" / "data")
        (tmp_path / "weights").mkdir()
        (tmp_path / "weights" / "lite0.h5").touch()
        with pytest.raises(WeightsNotFoundError) as caught:
            paths.find("lite0")
        assert str(tmp_path / "weights") not in str(caught.value)
        make_checkout(tmp_path)
        assert paths.find("lite0") == tmp_path / "weights" / "lite0.h5"

    @pytest.mark.parametrize(
        ("name", "remedy"),
        [
            ("lite1", "`refnet fetch lite1` brings it"),
            ("b1", "`refnet fetch b1` brings it; .* REFNET_WEIGHTS .* generated weights, `b1@synthetic`"),
        ],
    )
    def test_what_is_not_here_is_named_with_its_remedy(self, tmp_path, monkeypatch, name, remedy):
        monkeypatch.setenv("REFNET_WEIGHTS", str(tmp_path / "absent"))
        monkeypatch.setattr("refnet.weights.paths.DATA", tmp_path / "refnet" / "data")
        make_checkout(tmp_path)
        with pytest.raises(WeightsNotFoundError, match=f"no {name}.h5 in .*absent.*; .*{remedy}") as caught:
            paths.find(name)
        for place in (tmp_path / "absent", tmp_path / "refnet" / "data", tmp_path / "weights", paths.cache_folder()):
            assert str(place) in str(caught.value)

    def test_a_release_is_in_the_cache_or_an_own_directory(self, tmp_path, monkeypatch):
        own, cache = tmp_path / "own", tmp_path / "cache"
        monkeypatch.setenv("REFNET_WEIGHTS", str(own))
        monkeypatch.setenv("REFNET_CACHE", str(cache))
        own.mkdir()
        cache.mkdir()
        (own / "b1.h5").touch()
        for name in ("b1@timm-tf", "b1@timm-tf:aa"):
            with pytest.raises(
                WeightsNotFoundError, match=rf"no b1@timm-tf\+aa\.h5 in {own}, {cache}; `refnet fetch {name}`"
            ):
                paths.find(name)
        for place in (cache, own):
            (place / "b1@timm-tf+aa.h5").touch()
            assert paths.find("b1@timm-tf") == paths.find("b1@timm-tf:aa") == place / "b1@timm-tf+aa.h5"
        assert paths.find("b1") == own / "b1.h5"
        (own / "b1.h5").unlink()
        assert paths.find("b1") == own / "b1@timm-tf+aa.h5"

    def test_the_cache_is_among_those_of_the_user(self, monkeypatch):
        monkeypatch.delenv("REFNET_CACHE")
        assert paths.cache_folder() == platformdirs.user_cache_path("refnet")

    @pytest.mark.parametrize("variable", ["REFNET_CACHE", "REFNET_WEIGHTS"])
    @pytest.mark.parametrize(
        ("stated", "meant"),
        [("~/x", "home/x"), ("x/y", "x/y"), ("~nobody-of-that-name/x", "~nobody-of-that-name/x")],
    )
    def test_a_folder_as_people_write_it(self, tmp_path, monkeypatch, variable, stated, meant):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv(variable, stated)
        found = paths.cache_folder() if variable == "REFNET_CACHE" else paths.weight_folders()[0]
        assert found == tmp_path / meant

    @pytest.mark.parametrize("variable", ["REFNET_CACHE", "REFNET_WEIGHTS"])
    def test_what_cannot_be_looked_into_has_nothing(self, monkeypatch, variable):
        monkeypatch.setenv(variable, "/" + "x" * 300)
        with pytest.raises(WeightsNotFoundError, match=r"no weights of b1 on this machine: .*/xxx"):
            paths.find("b1")

    def test_the_release_that_is_shipped(self, tmp_path, monkeypatch):
        monkeypatch.setenv("REFNET_WEIGHTS", str(tmp_path))
        (tmp_path / "lite0.h5").touch()  # anybody's
        assert paths.find("lite0@lite") == ROOT / "weights" / "lite0.h5"
        assert paths.find("lite0") == tmp_path / "lite0.h5"

    @pytest.mark.parametrize("name", ["b9", "", "../lite0", "lite0.h5", "b1@synthetic", "../b1@timm-tf", "b1@../x"])
    def test_an_unknown_name(self, name):
        with pytest.raises(UnknownModelError):
            paths.find(name)
