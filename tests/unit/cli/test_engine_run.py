"""The engine's events as lines: what is shown of a change, and what never is."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi.automation import EngineEvent

from sluice.cli.engine_run import EventLines, changes
from sluice.report import Progress

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "abc"}
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
STACK = "urn:pulumi:dev::library::pulumi:pulumi:Stack::library-dev"
BLUE = "urn:pulumi:dev::library::sluice:index:OnlineEndpoint$sluice:index:Deployment::qa/blue"


def step(detail: list[str], old: Any = None, new: Any = None) -> Any:
    """A step's metadata, as far as it is looked at."""
    return SimpleNamespace(
        detailed_diff=dict.fromkeys(detail),
        old=SimpleNamespace(outputs=old) if old is not None else None,
        new=SimpleNamespace(inputs=new) if new is not None else None,
    )


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("weights.blue", {"weights": {"blue": 50.0}}, {"weights": {"blue": 20.0}}, "50 => 20"),
        ("share", {"share": 0.5}, {"share": True}, "0.5 => True"),
        ("description", None, {"description": ""}, "nothing => "),
        ("tags.team", {"tags": {"team": "a"}}, {"tags": None}, "a => nothing"),
        ('tags["team.name"]', {"tags": {"team.name": "a"}}, {"tags": {"team.name": "b"}}, "a => b"),
        ('tags["say \\"x\\""]', {"tags": {'say "x"': "a"}}, None, "a => nothing"),
        ("key", {"key": UNKNOWN}, {"key": "k"}, "[unknown] => k"),
        ("key", {"key": SECRET}, {"key": "[secret]"}, "[secret] => [secret]"),
        ("secrets.api_key", {"secrets": SECRET}, {"secrets": "[secret]"}, "[secret] => [secret]"),
        ("secrets.api_key", {"secrets": {"api_key": SECRET}}, {"secrets": {}}, "[secret] => nothing"),
        ("text", {"text": "x" * 100}, {"text": "y"}, "x" * 60 + " => y"),
    ],
)
def test_a_change_is_said_by_path(path: str, old: Any, new: Any, said: str) -> None:
    assert changes(step([path], old, new)) == [f"{path}: {said}"]


def test_a_step_without_detail_has_no_changes() -> None:
    assert changes(SimpleNamespace(detailed_diff=None, old=None, new=None)) == []


def event(kind: str, **fields: Any) -> EngineEvent:
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, kind: fields})


def metadata(op: str, urn: str = BLUE, **more: Any) -> dict[str, Any]:
    return {"metadata": {"op": op, "urn": urn, "type": "t", "provider": "p", **more}}


def lines(*events: EngineEvent, planned: bool) -> list[str]:
    """What is shown, without the clock."""
    stream = io.StringIO()
    view = EventLines(Progress(stream), planned=planned)
    for one in events:
        view.add(one)
    view.progress.close()
    return [line.split(" s  ", 1)[1] for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("op", "said"),
    [
        ("create", ["Deployment qa/blue: created"]),
        ("update", ["Deployment qa/blue: updated"]),
        ("delete", ["Deployment qa/blue: deleted"]),
        ("delete-replaced", ["Deployment qa/blue: old one deleted"]),
        ("same", []),
        ("refresh", []),
    ],
)
def test_what_was_done_is_shown_when_it_is_done(op: str, said: list[str]) -> None:
    events = [event("resourcePreEvent", **metadata(op)), event("resOutputsEvent", **metadata(op))]
    assert lines(*events, planned=False) == said
    assert lines(event("resOutputsEvent", **metadata(op, STACK)), planned=False) == []


def test_a_plan_shows_the_sign_and_the_change() -> None:
    planned: dict[str, Any] = {"detailedDiff": {"instanceCount": {"diffKind": "update", "inputDiff": True}}}
    for which, count in (("old", 1.0), ("new", 2.0)):
        values = {"instanceCount": count}
        common = dict.fromkeys(("id", "parent", "provider"), "")
        planned[which] = {"type": "t", "urn": BLUE, **common, "inputs": values, "outputs": values}
    events = [
        event("resourcePreEvent", **metadata("update", **planned)),
        event("resOutputsEvent", **metadata("update")),
        event("resourcePreEvent", **metadata("create")),
        event("resourcePreEvent", **metadata("same")),
        event("resourcePreEvent", **metadata("create", STACK)),
    ]
    assert lines(*events, planned=True) == [
        "~ Deployment qa/blue: instanceCount: 1 => 2",
        "+ Deployment qa/blue: create",
    ]


def test_progress_and_failure_are_shown_by_resource(capsys: pytest.CaptureFixture[str]) -> None:
    events = [
        event("diagnosticEvent", urn=BLUE, message="1 of 2 replicas ready\n", severity="info", ephemeral=True),
        event("diagnosticEvent", message="<{%fg 3%}>warning: <{%reset%}>old words", severity="warning"),
        event("resOpFailedEvent", status=1, steps=1, **metadata("update")),
    ]
    assert lines(*events, planned=False) == [
        "Deployment qa/blue: 1 of 2 replicas ready",
        "Deployment qa/blue: failed",
    ]
    assert capsys.readouterr().err == "warning: old words\n"
