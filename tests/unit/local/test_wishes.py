"""What a deployment was brought up from comes back as it was, for its owner only."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from sluice.errors import NotFound
from sluice.plan.runtimes import Routes, Runtime
from sluice.plan.servers import ServerKind
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Probe
from sluice.targets.local import wishes
from sluice.targets.local.paths import StackPaths
from sluice.targets.local.wish import Wish, revision_of

WISH = Wish(
    endpoint="qa",
    name="blue",
    server=ServerKind.SCORING_SCRIPT,
    environment="abc",
    content="c1",
    model=frozen_map({"name": "m", "version": "1", "contentHash": "c1"}),
    code=frozen_map({"contentHash": "c2", "scoringScript": "score.py"}),
    variables=frozen_map({"MODE": "fast"}),
    secret_variables=frozen_map({"KEY": "hidden"}),
    connections=frozen_map({"chat": "chat"}),
    identity="qa",
    instance_count=2,
    timeout_ms=5000,
    max_concurrent=10,
    liveness=Probe(period=3),
    readiness=Probe(success_threshold=2),
    inputs=frozen_map({"instanceCount": 2, "tags": frozen_map({})}),
)
BUNDLES = {"chat": {"type": "custom", "configs": {}, "secrets": {"key": "hidden too"}}}


@pytest.mark.parametrize(
    "wish",
    [
        WISH,
        replace(WISH, server=ServerKind.FLOW, content=None, model=None, code=None, identity=None),
        replace(WISH, runtime=Runtime.DOCKER, routes=Routes("/live", "/ready", "/score", 5001), instance_type="F4"),
    ],
)
def test_a_wish_comes_back_and_is_the_same_revision(tmp_path: Path, wish: Wish) -> None:
    paths, revision = StackPaths(tmp_path), revision_of(wish, BUNDLES)
    wishes.keep(paths, wishes.Kept(wish, BUNDLES), revision)
    back = wishes.kept(paths, "qa", "blue", revision)
    assert back == wishes.Kept(wish, BUNDLES)
    assert revision_of(back.wish, back.credentials) == revision


def test_it_holds_secrets_and_is_its_owners(tmp_path: Path) -> None:
    wishes.keep(StackPaths(tmp_path), wishes.Kept(WISH, BUNDLES), "r1")
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert "hidden" not in repr(WISH)


def test_only_the_revision_that_serves_is_kept(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path)
    for revision in ("r1", "r2"):
        wishes.keep(paths, wishes.Kept(WISH, {}), revision)
    wishes.keep(paths, wishes.Kept(replace(WISH, name="green"), {}), "r1")
    wishes.forget(paths, "qa", "blue", but="r2")
    assert wishes.kept(paths, "qa", "blue", "r2").wish == WISH
    with pytest.raises(NotFound, match="deployment qa/blue: what it was brought up from is not known"):
        wishes.kept(paths, "qa", "blue", "r1")
    wishes.forget(paths, "qa", "blue")
    wishes.forget(paths, "qa", "blue")
    with pytest.raises(NotFound):
        wishes.kept(paths, "qa", "blue", "r2")
    assert wishes.kept(paths, "qa", "green", "r1").wish.name == "green"
