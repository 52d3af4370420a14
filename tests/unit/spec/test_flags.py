"""Values from the command line, laid over the file before it is checked, as the CLI of Azure lays them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import UsageError
from sluice.spec.files import Reading, Source, validated
from sluice.spec.flags import Flags, flag_of, laid_over
from sluice.spec.kinds import Kind
from sluice.spec.nodes import Json, MapNode, dig, to_json
from sluice.spec.parse import parse_documents
from sluice.spec.results import FileResult

Project = Callable[[Mapping[str, str]], Path]

TEXT = "name: blue\ninstance_count: 1\ntags: {a: b}\ngrants: [{role: x}]\nmodel: azureml:m:1\nempty:\n"


def over(*assignments: str, name: str | None = None, endpoint: str | None = None, kind: Kind | None = None) -> Json:
    node = parse_documents(TEXT, "folder/f.yaml")[0]
    return to_json(laid_over(node, Flags.of(name, endpoint, assignments), kind))


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("instance_count=3", ("instance_count",), 3),
        ("tags.c=yes", ("tags", "c"), True),
        ("tags.c='yes'", ("tags", "c"), "yes"),
        ("a.b.c=1.5", ("a", "b", "c"), 1.5),
        ("empty.x=1", ("empty", "x"), 1),
        ("grants[0].role=y", ("grants", 0, "role"), "y"),
        ("grants.0.role=y", ("grants", 0, "role"), "y"),
        ("x=", ("x",), None),
        ("x=a=b", ("x",), "a=b"),
        ("tags={c: d}", ("tags",), {"c": "d"}),
    ],
)
def test_a_value_is_set(assignment: str, path: tuple[str | int, ...], value: Json) -> None:
    node = laid_over(parse_documents(TEXT, "folder/f.yaml")[0], Flags.of(None, None, [assignment]), None)
    found = dig(node, *path)
    assert found is not None
    assert to_json(found) == value
    assert found.at.path == "folder/--set"
    assert flag_of(found.at) == "--set"


def test_the_rest_stays_and_the_last_wins() -> None:
    assert over("tags.c=1", "tags.c=2", "instance_count=4") == {
        "name": "blue",
        "instance_count": 4,
        "tags": {"a": "b", "c": 2},
        "grants": [{"role": "x"}],
        "model": "azureml:m:1",
        "empty": None,
    }


def test_names_are_text_and_only_where_the_kind_has_them() -> None:
    told = over(name="1", endpoint="2")
    assert isinstance(told, dict)
    assert (told["name"], told["endpoint_name"]) == ("1", "2")
    endpoint = over(name="1", endpoint="2", kind=Kind.ENDPOINT)
    assert isinstance(endpoint, dict)
    assert endpoint["name"] == "1"
    assert "endpoint_name" not in endpoint


@pytest.mark.parametrize("assignment", ["x", "=1", "a..b=1", "model.path=x", "x=[", "x=!unknown y"])
def test_what_can_not_be_set(assignment: str) -> None:
    with pytest.raises(UsageError):
        over(assignment)


def test_a_wrong_assignment_is_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        over("not-to-be-shown")
    assert "not-to-be-shown" not in str(caught.value)


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4), st.integers(0, 9))
def test_what_was_set_is_there(path: list[str], value: int) -> None:
    node = laid_over(parse_documents("a: {b: {}}\n", "f")[0], Flags.of(None, None, [f"{'.'.join(path)}={value}"]), None)
    found = dig(node, *path)
    assert found is not None
    assert to_json(found) == value
    assert isinstance(node, MapNode)
    assert "a" in node.entries


def test_names_from_flags_make_a_file_whole(project: Project) -> None:
    text = "model: azureml:m:1\nenvironment: azureml:e:1\ninstance_type: Standard_DS3_v2\ninstance_count: 3\n"
    root = project({"blue.yaml": text})

    def one(flags: Flags) -> FileResult:
        [result] = validated(root, [Source(root / "blue.yaml")], Reading(flags=flags))
        return result

    assert [finding.key for finding in one(Flags()).findings] == ["endpoint_name", "name"]
    assert one(Flags.of("blue", "library", [])).findings == ()
    [finding] = one(Flags.of("1st", "library", [])).findings
    assert (finding.key, flag_of(finding.diagnostic.at)) == ("name", "--name")


def test_paths_from_flags_are_relative_to_the_file(project: Project) -> None:
    root = project({"folder/model.yaml": "name: m\ntype: custom_model\npath: nothing\n", "folder/weights/w": ""})
    source = Source(root / "folder" / "model.yaml")

    [found] = validated(root, [source], Reading(flags=Flags.of(None, None, ["path=weights"])))
    assert found.findings == ()
    [found] = validated(root, [source], Reading(flags=Flags.of(None, None, ["path=folder/weights"])))
    assert [finding.key for finding in found.findings] == ["path"]
