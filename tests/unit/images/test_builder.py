"""A plan as inputs of the provider: stable, and without what a machine or a day is about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sluice.images.builder import QUICK_LAYERS, StagedContext, image_inputs, image_tag
from sluice.images.models import ImagePlan
from sluice.images.progress import shown
from sluice.images.registry import Registry

PLAN = ImagePlan("qa/blue", "FROM x", {"a": Path("/p/a")}, "0123456789abcdef", "x", labels={"team": "library"})
STAGED = StagedContext("../.sluice/contexts/dev/0123/context", "../.sluice/contexts/dev/0123/Dockerfile")
LOCAL, SHARED = Registry("127.0.0.1:5005", "51ab"), Registry("team.azurecr.io")


def test_the_tag_names_the_context() -> None:
    assert image_tag(PLAN, SHARED) == "team.azurecr.io/qa/blue:0123456789ab"


def test_an_image_for_a_shared_registry_is_pushed_with_its_cache() -> None:
    inputs = image_inputs(PLAN, STAGED, SHARED, {})
    assert inputs["push"] is True
    assert inputs["cacheFrom"] == [{"registry": {"ref": "team.azurecr.io/qa/blue:cache"}}]
    assert inputs["cacheTo"][0]["registry"]["mode"] == "max"
    assert "exports" not in inputs


def test_an_image_on_loopback_is_pushed_without_being_asked_for_over_tls() -> None:
    inputs = image_inputs(PLAN, STAGED, LOCAL, {})
    assert inputs["push"] is False
    assert inputs["exports"] == [{"raw": f"type=image,push=1,{QUICK_LAYERS},sluice-store=51ab"}]
    assert not {"cacheFrom", "cacheTo"} & inputs.keys()


def test_a_store_that_was_emptied_is_a_difference() -> None:
    before, after = image_inputs(PLAN, STAGED, LOCAL, {}), image_inputs(PLAN, STAGED, replace(LOCAL, store="52"), {})
    assert before["exports"] != after["exports"]


def test_a_new_value_of_a_secret_is_none() -> None:
    inputs = image_inputs(PLAN, STAGED, LOCAL, {"feed": "a value", "extra": "another"})
    assert inputs["secrets"] == {"feed": "a value", "extra": "another"}
    assert inputs["ignoreSecretsInDiffCalculation"] == ["extra", "feed"]


def test_nothing_is_built_in_a_preview_and_what_is_empty_is_left_out() -> None:
    inputs = image_inputs(PLAN, STAGED, LOCAL, {})
    assert inputs["buildOnPreview"] is False
    assert inputs["labels"] == {"team": "library"}
    assert not {"secrets", "buildArgs"} & inputs.keys()


def test_several_platforms_share_no_cache() -> None:
    inputs = image_inputs(replace(PLAN, platforms=("linux/amd64", "linux/arm64")), STAGED, SHARED, {})
    assert inputs["platforms"] == ["linux/amd64", "linux/arm64"]
    assert "cacheTo" not in inputs


def test_few_lines_of_a_build_are_shown() -> None:
    assert shown("#6 [2/3] RUN  uv   pip install") == "[2/3] RUN uv pip install"
    assert shown("#8 exporting to image") == "exporting the layers"
    assert [shown(line) for line in ("#1 [internal] load .dockerignore", "#6 0.1 words", "#6 DONE 0.1s", "")] == [
        None
    ] * 4
    assert len(shown(f"#6 [2/3] RUN {'x' * 200}") or "") == 80
