"""Model over the wire: versions that never change, contents that stay while they serve."""

from __future__ import annotations

from pathlib import Path

import pytest
from provider_calls import Plain, Plugin, refused

from sluice.spec.content import model_content
from sluice.targets.local.models import ModelStore
from sluice.targets.local.paths import StackPaths


@pytest.fixture
def inputs(plugin: Plugin) -> Plain:
    folder = plugin.root / "models" / "iris"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "weights.bin").write_bytes(b"\x00\x01")
    (folder / "score.py").write_text("def run(data): return data\n")
    return {
        "name": "iris",
        "version": "1",
        "type": "custom_model",
        "path": "models/iris",
        "contentHash": model_content(folder).sha256,
        "description": "flowers",
        "tags": {"team.name": "plants"},
        "properties": {"azureml.promptflow.mode": "chat"},
    }


def store(plugin: Plugin) -> ModelStore:
    return ModelStore(StackPaths.of(plugin.root, "dev"))


def content(plugin: Plugin, inputs: Plain) -> Path:
    return store(plugin).content(inputs["contentHash"])


def test_a_model_is_kept_by_content(plugin: Plugin, inputs: Plain) -> None:
    assert plugin.check("Model", inputs) == []
    identifier, state = plugin.create("Model", inputs)
    assert (identifier, state) == ("iris@1", inputs)
    assert (content(plugin, inputs) / "sub" / "weights.bin").read_bytes() == b"\x00\x01"
    assert plugin.read("Model", "iris@1") == ("iris@1", inputs, inputs)
    assert plugin.read("Model", "iris@2") == ("", {}, {})


def test_other_content_under_the_same_version_is_refused_in_the_preview(plugin: Plugin, inputs: Plain) -> None:
    _, state = plugin.create("Model", inputs)
    (plugin.root / "models" / "iris" / "score.py").write_text("def run(data): return None\n")
    changed = inputs | {"contentHash": model_content(plugin.root / "models" / "iris").sha256}
    [(name, reason)] = plugin.check("Model", changed, state)
    assert name == "contentHash"
    assert "iris version 1" in reason
    assert "new version" in reason
    with refused() as words:
        plugin.update("Model", "iris@1", state, changed)
    assert inputs["contentHash"][:12] in words[0]
    assert plugin.read("Model", "iris@1", state)[1] == inputs


def test_files_that_change_meanwhile_are_not_registered(plugin: Plugin, inputs: Plain) -> None:
    (plugin.root / "models" / "iris" / "score.py").write_text("def run(data): return None\n")
    with refused() as words:
        plugin.create("Model", inputs)
    assert "changed while they were being deployed" in words[0]
    assert plugin.read("Model", "iris@1") == ("", {}, {})


def test_what_describes_a_model_may_change_in_place(plugin: Plugin, inputs: Plain) -> None:
    _, state = plugin.create("Model", inputs)
    wanted = inputs | {"description": "blossoms", "tags": {}}
    assert not plugin.diff("Model", state, wanted).replaces
    assert plugin.update("Model", "iris@1", state, wanted) == wanted
    assert plugin.read("Model", "iris@1", state)[1] == wanted


def test_a_new_version_is_a_new_model(plugin: Plugin, inputs: Plain) -> None:
    _, state = plugin.create("Model", inputs)
    found = plugin.diff("Model", state, inputs | {"version": "2"})
    assert list(found.replaces) == ["version"]
    assert plugin.kinds("Model", state, inputs | {"version": "2"}) == {"version": "UPDATE_REPLACE"}


def test_a_deleted_model_takes_its_content_with_it(plugin: Plugin, inputs: Plain) -> None:
    _, state = plugin.create("Model", inputs)
    plugin.delete("Model", "iris@1", state)
    assert plugin.read("Model", "iris@1", state) == ("", {}, {})
    assert not content(plugin, inputs).exists()


def test_content_stays_while_another_version_names_it(plugin: Plugin, inputs: Plain) -> None:
    _, state = plugin.create("Model", inputs)
    plugin.create("Model", inputs | {"version": "2"})
    plugin.delete("Model", "iris@1", state)
    assert content(plugin, inputs).is_dir()
