"""Why an image is built again, in words."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sluice.images.manifest import Manifest, from_json, reasons
from sluice.spec.frozen import frozen_map

PACKAGES = Manifest("base:1", "requirements.txt", "r", frozen_map({"httpx": "1"}), platforms=("linux/amd64",))
OWN = Manifest("base:1", "", "r", files=frozen_map({"a.py": "1"}))
_MAP = st.dictionaries(st.text(), st.text(), max_size=3).map(frozen_map)


@given(st.builds(Manifest, st.text(), st.text(), st.text(), _MAP, _MAP, st.lists(st.text()).map(tuple)))
def test_a_manifest_reads_back(manifest: Manifest) -> None:
    assert from_json(manifest.to_json()) == manifest


def test_what_can_not_be_read_is_no_manifest() -> None:
    assert [from_json(text) for text in ("", "[]", "{}", '{"base": 1}')] == [None] * 4


def test_the_first_time_and_no_change() -> None:
    assert reasons(None, PACKAGES) == ("not built yet",)
    assert reasons(PACKAGES, PACKAGES) == ()


def test_packages() -> None:
    now = replace(PACKAGES, recipe="s", packages=frozen_map({"httpx": "2", "rank-bm25": "0.2.2"}))
    assert reasons(PACKAGES, now) == ("requirements.txt changed: +rank-bm25==0.2.2, httpx 1 -> 2",)


def test_many_packages_are_counted() -> None:
    now = replace(PACKAGES, packages=frozen_map({f"p{n}": "1" for n in range(8)}))
    assert reasons(PACKAGES, now)[0].endswith("+p3==1, +p4==1 and 4 more")


def test_base_platforms_and_the_way_it_is_built() -> None:
    now = replace(PACKAGES, base="base:2", platforms=("linux/amd64", "linux/arm64"), recipe="s")
    assert reasons(PACKAGES, now) == (
        "base changed: base:1 -> base:2",
        "platforms changed: linux/amd64 -> linux/amd64, linux/arm64",
    )
    assert reasons(PACKAGES, replace(PACKAGES, recipe="s")) == ("built in another way than before",)


def test_a_dockerfile_and_its_context() -> None:
    assert reasons(OWN, replace(OWN, recipe="s")) == ("Dockerfile changed",)
    now = replace(OWN, files=frozen_map({"a.py": "2", "b.py": "1"}))
    assert reasons(OWN, now) == ("build context changed: +b.py, a.py is another",)
    assert reasons(OWN, replace(now, recipe="s"))[0] == "Dockerfile changed"
