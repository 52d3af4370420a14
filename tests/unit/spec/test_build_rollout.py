"""A rollout.yaml becomes the frozen values that say the same, with units and secrets resolved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from spec_data import of_kind

from sluice.errors import Mark
from sluice.spec.build_rollout import build_rollout
from sluice.spec.kinds import Kind
from sluice.spec.models import where
from sluice.spec.parse import parse_documents
from sluice.spec.rollout import (
    Ask,
    Compare,
    Evaluate,
    Gate,
    HeaderRule,
    Likeness,
    Limits,
    Load,
    Measure,
    MetricRule,
    NoticeForm,
    Notify,
    OnFailure,
    Parity,
    Record,
    Rollout,
    RolloutStep,
    StepKind,
    Webhook,
)
from sluice.spec.schema import normalised, top
from sluice.spec.terms import SecretReference, SecretScheme

Project = Callable[[Mapping[str, str]], Path]
AT = Mark("f.yaml")
ROOT = Path("/p")
FILE = "endpoints/chat/rollout.yaml"


def built(text: str) -> Rollout:
    return build_rollout(normalised(parse_documents(text, FILE)[0], top(Kind.ROLLOUT)), ROOT)


def of_steps(text: str) -> tuple[RolloutStep, ...]:
    return built(f"endpoint_name: chat\nsteps:\n{text}").steps


def of_analysis(text: str) -> tuple[MetricRule, ...]:
    return built(f"endpoint_name: chat\nsteps: [weight: 10]\nanalysis:\n{text}").metrics


def secret(name: str, scheme: SecretScheme = SecretScheme.CONFIG) -> SecretReference:
    return SecretReference(scheme, name)


def test_a_rollout_with_little_said() -> None:
    found = built("endpoint_name: chat\nsteps: [weight: 10]\n")

    assert found.endpoint_name == "chat"
    assert [(step.kind, step.percent, step.hold_s) for step in found.steps] == [(StepKind.WEIGHT, 10, 0)]
    assert [(one.name, one.measure, one.worse_by) for one in found.metrics] == [
        ("errors", Measure.ERRORS, 0.005),
        ("latency_p95", Measure.LATENCY, 0.2),
    ]
    assert (found.on_failure, found.failover, found.fast_track_s) == (OnFailure.ROLLBACK, False, 0)
    assert (found.deadline_s, found.drain_s, found.record, found.notify) == (86_400, 330, None, ())


def test_a_rollout_with_everything_said() -> None:
    found = built(
        """
endpoint_name: chat
steps: [weight: 10]
analysis: []
on_failure: Hold
failover: yes
fast_track: 7d
deadline: 2h
drain: 330
record: {percent: 5%, most_requests: 10, most_bytes: 1000, redact: [/user/email]}
notify:
  - {slack: "${config:SLACK}", events: [paused, RolledBack]}
  - {teams: "${env:TEAMS}"}
  - {webhook: "https://example.com/events", headers: {X-Team: chat, Authorization: "${config:TOKEN}"}}
  - {command: [python, notify.py]}
  - {file: ../events.jsonl}
"""
    )

    assert found.metrics == ()
    assert (found.on_failure, found.failover, found.fast_track_s) == (OnFailure.HOLD, True, 604_800)
    assert (found.deadline_s, found.drain_s) == (7200, 330)
    assert found.record == Record(5.0, 10, 1000, ("/user/email",))
    assert found.notify == (
        Notify(secret("SLACK"), NoticeForm.SLACK, events=("paused", "rolled_back")),
        Notify(secret("TEAMS", SecretScheme.ENV), NoticeForm.TEAMS),
        Notify("https://example.com/events", headers={"X-Team": "chat", "Authorization": secret("TOKEN")}),
        Notify(command=("python", "notify.py")),
        Notify(file=ROOT / "endpoints/events.jsonl"),
    )


def test_steps_that_route() -> None:
    found = of_steps(
        """
  - {mirror: 20, hold: 5m}
  - {header: {name: x-canary, values: [beta, 7], cohort: 5%}, hold: 30, says: friends first}
  - {header: {cohort: 1}}
  - {hold: 250ms, weight: 10%}
  - {hold: 1h30m}
  - pause: ask the reviewers
  - pause:
  - {pause: {}, says: look twice}
  - {weight: 100}
  - {bake: 10m}
"""
    )

    assert [(step.kind.value, step.percent, step.hold_s, step.says) for step in found] == [
        ("mirror", 20, 300, ""),
        ("header", 0, 30, "friends first"),
        ("header", 0, 0, ""),
        ("weight", 10, 0.25, ""),
        ("hold", 0, 5400, ""),
        ("pause", 0, 0, "ask the reviewers"),
        ("pause", 0, 0, ""),
        ("pause", 0, 0, "look twice"),
        ("weight", 100, 0, ""),
        ("bake", 0, 600, ""),
    ]
    assert found[1].header == HeaderRule("x-canary", ("beta", "7"), 5)
    assert found[2].header == HeaderRule(cohort_percent=1)


def test_steps_that_work() -> None:
    found = of_steps(
        """
  - evaluate:
      command: [python, evaluate.py]
      repeats: 3
      paired: false
      timeout: 30m
      gates:
        - {metric: relevance, at_least: -0.2, compare: difference, confidence: 99%}
        - {metric: harm, at_most: 0.1, worst_at_least: 0, worst_at_most: 1}
  - evaluate: {url: "${config:URL}", headers: {api-key: "${env:KEY}"}, gates: [{metric: a, at_least: 1}]}
  - webhook: https://example.com/ask
  - webhook: {url: "https://example.com", method: get, headers: {X: y}, timeout: 5, retries: 0, wait: 1h}
  - load: {data: ../requests.jsonl, requests: 5, rate: 0.5, concurrency: 1, failures_allowed: 1%, timeout: 3s}
  - load: {recorded: true}
  - load: {data: requests.jsonl, rate: 5, live: true}
  - parity: {recorded: 9, fields: [/a], mean_at_least: 0.9, worst_at_least: 0.5, timeout: 3s}
  - parity: {data: requests.jsonl, command: [python, alike.py]}
  - parity: {data: requests.jsonl, compare: similarity}
  - parity: {data: requests.jsonl}
"""
    )

    assert [step.work for step in found] == [
        Evaluate(
            command=("python", "evaluate.py"),
            gates=(
                Gate(
                    "relevance",
                    Limits(-0.2, None, Compare.DIFFERENCE),
                    Limits(None, None, Compare.DIFFERENCE),
                    confidence=0.99,
                ),
                Gate("harm", Limits(None, 0.1), Limits(0, 1)),
            ),
            repeats=3,
            paired=False,
            timeout_s=1800,
        ),
        Evaluate(
            address=secret("URL"),
            headers={"api-key": secret("KEY", SecretScheme.ENV)},
            gates=(Gate("a", Limits(1, None)),),
        ),
        Webhook("https://example.com/ask"),
        Webhook("https://example.com", "GET", {"X": "y"}, 5, 0, 3600),
        Load(5, 0.5, 1, ROOT / "endpoints/requests.jsonl", failures_allowed=0.01, timeout_s=3),
        Load(recorded=True),
        Load(rate=5, data=ROOT / "endpoints/chat/requests.jsonl", live=True),
        Parity(
            recorded=9, likeness=Likeness.FIELDS, fields=("/a",), mean_at_least=0.9, worst_at_least=0.5, timeout_s=3
        ),
        Parity(ROOT / "endpoints/chat/requests.jsonl", likeness=Likeness.COMMAND, command=("python", "alike.py")),
        Parity(ROOT / "endpoints/chat/requests.jsonl", likeness=Likeness.SIMILARITY),
        Parity(ROOT / "endpoints/chat/requests.jsonl"),
    ]


def test_metrics() -> None:
    found = of_analysis(
        """
  - {metric: errors, worse_by: 0.1%, at_most: 5, false_alarm: 2%, least_requests: 100}
  - {metric: latency}
  - {metric: latency, quantile: 99.9, relative: false, at_most: 800ms}
  - {metric: latency, quantile: 50%, worse_by: 150, at_most: 2, name: middle}
  - {metric: tokens, compare: ratio, at_most: 1.5, failures_allowed: 2}
  - name: gpu
    prometheus: {address: "http://p:9090", query: up, headers: {X: y}}
    at_most: 1
    interval: 30s
    timeout: 5s
  - {name: csat, http: {url: "https://f/${deployment}", path: /a/b, headers: {Token: "${config:T}"}}, at_least: 0.8}
  - {name: smoke, command: [python, smoke.py], path: /passed, at_least: "1e0", compare: difference}
"""
    )
    at = found[0].at

    assert found == (
        MetricRule("errors", Measure.ERRORS, at, 0.95, 0.001, Limits(None, 0.05), 0.02, 100),
        MetricRule("latency_p95", Measure.LATENCY, found[1].at, worse_by=0.2),
        MetricRule("latency_p99.9", Measure.LATENCY, found[2].at, 0.999, 0.2, Limits(None, 800), relative=False),
        MetricRule("middle", Measure.LATENCY, found[3].at, 0.5, 1.5, Limits(None, 2000)),
        MetricRule("tokens", Measure.TOKENS, found[4].at, limits=Limits(None, 1.5, Compare.RATIO), failures_allowed=2),
        MetricRule(
            "gpu",
            Measure.PROMETHEUS,
            found[5].at,
            limits=Limits(None, 1),
            ask=Ask("http://p:9090", "up", headers={"X": "y"}, interval_s=30, timeout_s=5),
        ),
        MetricRule(
            "csat",
            Measure.HTTP,
            found[6].at,
            limits=Limits(0.8),
            ask=Ask("https://f/${deployment}", path="/a/b", headers={"Token": secret("T")}),
        ),
        MetricRule(
            "smoke",
            Measure.COMMAND,
            found[7].at,
            limits=Limits(1, None, Compare.DIFFERENCE),
            ask=Ask(path="/passed", command=("python", "smoke.py")),
        ),
    )


def test_metrics_of_a_step_are_judged_there_and_have_names_of_their_own() -> None:
    found = built(
        """
endpoint_name: chat
steps:
  - {weight: 10, analysis: [{metric: errors}, {metric: latency, quantile: 50}]}
  - {weight: 50, analysis: [{metric: errors}, {name: late, metric: errors}]}
"""
    )

    assert [one.name for one in found.metrics] == ["errors", "latency_p95"]
    assert [[one.name for one in step.metrics] for step in found.steps] == [
        ["errors@1", "latency_p50@1"],
        ["errors@2", "late"],
    ]


def test_every_key_knows_its_place() -> None:
    found = built("endpoint_name: chat\nsteps:\n  - weight: 10\n    analysis:\n      - metric: errors\ndrain: 5s\n")

    assert where(found, "steps.0.weight") == Mark(FILE, 3, 5)
    assert where(found, "steps.0.analysis.0.metric") == Mark(FILE, 5, 9)
    assert where(found, "drain") == Mark(FILE, 6, 1)
    assert where(found, "deadline") == found.at == Mark(FILE, 1, 1)
    assert found.steps[0].at == Mark(FILE, 3, 5)


@pytest.mark.parametrize(
    "text",
    [
        '  - webhook: {url: "https://example.com", headers: {Authorization: hidden-one}}',
        '  - webhook: {url: "https://example.com", headers: {api-key: hidden-one}}',
        '  - webhook: {url: "https://example.com", headers: {X-Token: hidden-one}}',
        '  - webhook: "https://hooks.slack.com/services/hidden-one"',
        '  - webhook: "https://me:hidden-one@example.com/"',
        '  - webhook: "https://example.com/?a=1&sig=hidden-one"',
        '  - webhook: "https://team.webhook.office.com/webhookb2/hidden-one"',
    ],
)
def test_what_looks_secret_is_kept_secret(text: str) -> None:
    assert "hidden-one" not in repr(of_steps(text))


@pytest.mark.parametrize("form", ["slack", "teams"])
def test_where_slack_and_teams_are_told_is_secret_wherever_it_is(form: str) -> None:
    notify = f"notify: [{{{form}: 'https://relay.example.com/hidden-one'}}]"
    assert "hidden-one" not in repr(built(f"endpoint_name: chat\nsteps: [weight: 10]\n{notify}\n").notify)


def test_what_does_not_look_secret_stays_readable() -> None:
    found = of_steps('  - webhook: {url: "https://example.com/a?page=2", headers: {X-Monkey: a, Accept: b}}')

    assert found[0].work == Webhook("https://example.com/a?page=2", headers={"X-Monkey": "a", "Accept": "b"})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(of_kind(Kind.ROLLOUT))
def test_whatever_passes_the_schema_can_be_built(data: Any) -> None:
    found = built(yaml.safe_dump(data, allow_unicode=True))

    assert len(found.steps) <= len(data["steps"])
    assert all(0 <= step.percent <= 100 and step.hold_s >= 0 for step in found.steps)
    assert len({one.name for one in found.metrics}) <= len(found.metrics)
