"""A rollout.yaml that passed its schema, as the frozen values of `sluice.spec.rollout`."""

from __future__ import annotations

from pathlib import Path

from sluice.spec.build_metric import build_metric, default_metrics
from sluice.spec.nodes import Node, ScalarNode, dig, mark_of, text, whole
from sluice.spec.quantities import number, percent, seconds, share
from sluice.spec.references import secret_or_literal
from sluice.spec.rollout import (
    Compare,
    Evaluate,
    Gate,
    HeaderRule,
    Likeness,
    Limits,
    Load,
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
from sluice.spec.rollout_nodes import MetricNode, StepNode, metric_nodes, step_nodes
from sluice.spec.terms import Value
from sluice.spec.typed import address, default, flag, headers, listed, texts
from sluice.spec.values import key_marks, local_path


def build_rollout(node: Node, root: Path) -> Rollout:
    """Return the rollout that `node` says; local paths in it are absolute.

    A step or metric that breaks a rule of its own, so that it is not clear what it means, is left out: the rules
    tell of it.

    Args:
        node: passed the schema, its values read as the schema asks for (`normalised`).
        root: where marks start.
    """
    judged = list(metric_nodes(node))
    written = dig(node, "analysis") is not None
    record = dig(node, "record")
    return Rollout(
        endpoint_name=text(node, "endpoint_name") or "",
        at=node.at,
        steps=tuple(_step(step, judged, root) for step in step_nodes(node) if step.kind),
        metrics=_rules(judged, None) if written else default_metrics(node.at),
        on_failure=OnFailure(text(node, "on_failure") or OnFailure.ROLLBACK),
        failover=flag(node, "failover"),
        fast_track_s=default(seconds(node, "fast_track"), Rollout.fast_track_s),
        deadline_s=default(seconds(node, "deadline"), Rollout.deadline_s),
        drain_s=default(seconds(node, "drain"), Rollout.drain_s),
        record=_record(record) if record else None,
        notify=tuple(_notify(item, root) for item in listed(node, "notify")),
        marks=key_marks(node),
    )


def _rules(judged: list[MetricNode], step: int | None) -> tuple[MetricRule, ...]:
    return tuple(build_metric(one, one.measure) for one in judged if one.step == step and one.measure)


def _step(step: StepNode, judged: list[MetricNode], root: Path) -> RolloutStep:
    kind, body = step.kind or StepKind.HOLD, step.body
    lasting = body if kind in {StepKind.HOLD, StepKind.BAKE} else step.node.get("hold")
    return RolloutStep(
        kind=kind,
        at=step.node.at,
        percent=int(percent(body) or 0) if kind in {StepKind.WEIGHT, StepKind.MIRROR} else 0,
        hold_s=seconds(lasting) or 0.0,
        says=(text(body) if kind is StepKind.PAUSE else None) or text(step.node, "says") or "",
        header=_header(body) if kind is StepKind.HEADER and body else None,
        work=_work(kind, body, root) if body else None,
        metrics=_rules(judged, step.place),
    )


def _header(node: Node) -> HeaderRule:
    return HeaderRule(text(node, "name") or "", texts(node, "values"), int(percent(node, "cohort") or 0))


def _work(kind: StepKind, node: Node, root: Path) -> Evaluate | Webhook | Load | Parity | None:
    if kind is StepKind.EVALUATE:
        return _evaluate(node)
    if kind is StepKind.WEBHOOK:
        return _webhook(node)
    if kind is StepKind.LOAD:
        return _load(node, root)
    return _parity(node, root) if kind is StepKind.PARITY else None


def _evaluate(node: Node) -> Evaluate:
    return Evaluate(
        command=texts(node, "command"),
        address=address(node, "url"),
        headers=headers(node, "headers"),
        gates=tuple(_gate(gate) for gate in listed(node, "gates")),
        repeats=default(whole(node, "repeats"), Evaluate.repeats),
        paired=flag(node, "paired", default=True),
        timeout_s=default(seconds(node, "timeout"), Evaluate.timeout_s),
    )


def _gate(node: Node) -> Gate:
    compare = Compare(text(node, "compare") or Compare.VALUE)
    return Gate(
        metric=text(node, "metric") or "",
        mean=Limits(number(node, "at_least"), number(node, "at_most"), compare),
        worst=Limits(number(node, "worst_at_least"), number(node, "worst_at_most"), compare),
        confidence=default(share(node, "confidence"), Gate.confidence),
    )


def _webhook(node: Node) -> Webhook:
    if isinstance(node, ScalarNode):
        return Webhook(address(node))
    return Webhook(
        address=address(node, "url"),
        method=text(node, "method") or Webhook.method,
        headers=headers(node, "headers"),
        timeout_s=default(seconds(node, "timeout"), Webhook.timeout_s),
        retries=default(whole(node, "retries"), Webhook.retries),
        wait_s=default(seconds(node, "wait"), Webhook.wait_s),
    )


def _load(node: Node, root: Path) -> Load:
    return Load(
        requests=default(whole(node, "requests"), Load.requests),
        rate=default(number(node, "rate"), Load.rate),
        concurrency=default(whole(node, "concurrency"), Load.concurrency),
        data=local_path(node, root, "data"),
        recorded=flag(node, "recorded"),
        failures_allowed=default(share(node, "failures_allowed"), Load.failures_allowed),
        timeout_s=default(seconds(node, "timeout"), Load.timeout_s),
        live=flag(node, "live"),
    )


def _parity(node: Node, root: Path) -> Parity:
    return Parity(
        data=local_path(node, root, "data"),
        recorded=default(whole(node, "recorded"), Parity.recorded),
        likeness=_likeness(node),
        fields=texts(node, "fields"),
        command=texts(node, "command"),
        mean_at_least=default(number(node, "mean_at_least"), Parity.mean_at_least),
        worst_at_least=default(number(node, "worst_at_least"), Parity.worst_at_least),
        timeout_s=default(seconds(node, "timeout"), Parity.timeout_s),
    )


def _likeness(node: Node) -> Likeness:
    """What is not said follows from what there is to compare by."""
    if said := text(node, "compare"):
        return Likeness(said)
    if dig(node, "fields"):
        return Likeness.FIELDS
    return Likeness.COMMAND if dig(node, "command") else Likeness.EXACT


def _record(node: Node) -> Record:
    return Record(
        percent=default(percent(node, "percent"), Record.percent),
        most_requests=default(whole(node, "most_requests"), Record.most_requests),
        most_bytes=default(whole(node, "most_bytes"), Record.most_bytes),
        redact=texts(node, "redact"),
    )


def _recipient(node: Node, written: str) -> Value:
    """Return the address of a receiver: of Slack and Teams it is secret as a whole, wherever they are."""
    if written not in {"slack", "teams"}:
        return address(node, written)
    return secret_or_literal(text(node, written) or "", mark_of(node, written))


def _notify(node: Node, root: Path) -> Notify:
    forms = {"slack": NoticeForm.SLACK, "teams": NoticeForm.TEAMS, "webhook": NoticeForm.JSON}
    written = next((key for key in forms if text(node, key)), None)
    return Notify(
        address=_recipient(node, written) if written else "",
        form=forms[written] if written else NoticeForm.JSON,
        headers=headers(node, "headers"),
        command=texts(node, "command"),
        file=local_path(node, root, "file"),
        events=texts(node, "events"),
    )
