"""Which rules a kind of specification has to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path, PurePath

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import MOST_FINDINGS, refused_path
from sluice.spec.kinds import Kind
from sluice.spec.nodes import ListNode, MapNode, Node, dig, items
from sluice.spec.rules import address, yaml11

_ADVISED_VARIABLES = ("PROMPTFLOW_", "PRT_CONFIG_OVERRIDE")
_ADVISED = (("app_insights_enabled",), ("egress_public_network_access",), ("model", "properties"))

Rule = Callable[[Node], Iterator[Diagnostic]]
FileRule = Callable[[Node, Path], Iterator[Diagnostic]]


def _azure_rules(kind: Kind) -> tuple[Sequence[Rule], Sequence[FileRule]]:
    """Return the rules of what is deployed: by its own words, and about files on disk."""
    from sluice.spec.rules import assets, chat, deployment, endpoint, paths, texts, timeouts, variables

    if kind is Kind.ENDPOINT:
        return endpoint.RULES, ()
    if kind is Kind.MODEL:
        return (texts.version,), (paths.model, chat.of_model)
    if kind is Kind.ENVIRONMENT:
        return (assets.one_source, assets.image_name, texts.version), (paths.environment,)
    stated = (
        *deployment.RULES,
        *variables.RULES,
        timeouts.inline_model,
        assets.inline_image_name,
        texts.environment_variables,
    )
    return stated, (paths.code, paths.inline_model, paths.inline_environment, chat.of_inline_model)


def _flow_rules(kind: Kind) -> tuple[Sequence[Rule], Sequence[FileRule]]:
    """Return the rules of flows and of their runs."""
    if kind is Kind.RUN:
        from sluice.spec.rules import run, run_files

        return run.RULES, run_files.FILE_RULES
    from sluice.spec.rules import flow

    return (flow.DAG_RULES, flow.DAG_FILE_RULES) if kind is Kind.FLOW else (flow.FLEX_RULES, flow.FLEX_FILE_RULES)


def _workspace_rules(kind: Kind) -> tuple[Sequence[Rule], Sequence[FileRule]]:
    """Return the rules of what surrounds deployments."""
    from sluice.spec.rules import config, connection, workspace

    return {Kind.CONNECTION: connection, Kind.WORKSPACE: workspace, Kind.CONFIG: config}[kind].RULES, ()


def _rollout_rules() -> tuple[Sequence[Rule], Sequence[FileRule]]:
    """Return the rules of rollouts."""
    from sluice.spec.rules import rollout

    return rollout.RULES, rollout.FILE_RULES


_AZURE = frozenset({Kind.ENDPOINT, Kind.DEPLOYMENT, Kind.MODEL, Kind.ENVIRONMENT})
_FLOWS = frozenset({Kind.FLOW, Kind.FLEX_FLOW, Kind.RUN})
_WORKSPACE = frozenset({Kind.CONNECTION, Kind.WORKSPACE, Kind.CONFIG})


@cache
def _rules(kind: Kind) -> tuple[Sequence[Rule], Sequence[FileRule]]:
    """Return the rules of a kind. Each kind imports its own, so that one file does not wait for all."""
    if kind in _AZURE:
        return _azure_rules(kind)
    if kind in _FLOWS:
        return _flow_rules(kind)
    if kind is Kind.ROLLOUT:
        return _rollout_rules()
    return _workspace_rules(kind) if kind in _WORKSPACE else ((), ())


def own_findings(kind: Kind, node: Node, root: Path) -> tuple[Diagnostic, ...]:
    """Return what is wrong with one specification by itself, beyond its schema; `root` is where marks start."""
    if not isinstance(node, MapNode):
        return ()
    by_words, about_files = _rules(kind)
    stated = [finding for rule in (address.known, *by_words) for finding in islice(rule(node), MOST_FINDINGS)]
    on_disk = [finding for rule in about_files for finding in _looked_up(rule, node, root)]
    return (*stated, *on_disk, *islice(yaml11.turned(kind, node, stated), MOST_FINDINGS))


def alone_findings(kind: Kind, node: Node, root: Path) -> tuple[Diagnostic, ...]:
    """Return what is said of a file that is looked at without its project: of a stack, the files around it decide."""
    if kind is not Kind.DEPLOYMENT:
        return ()
    from sluice.spec.rules import timeouts

    return (*timeouts.unseen_model(node), *_of_flow(node, root), *_advised(node, root))


def _of_flow(node: Node, root: Path) -> tuple[Diagnostic, ...]:
    """Return what is said of the flow that a deployment's file holds as its model; most hold none."""
    if not (isinstance(dig(node, "model"), MapNode) and isinstance(dig(node, "environment"), MapNode)):
        return ()
    from sluice.spec.rules import serving

    return _looked_up(serving.inline_packages, node, root)


def _advised(node: Node, root: Path) -> tuple[Diagnostic, ...]:
    """Return the advice for a deployment's file; nothing is to be said where none of these keys is."""
    variables = any(name.startswith(_ADVISED_VARIABLES) for name, _ in items(node, "environment_variables"))
    if not variables and all(dig(node, *path) is None for path in _ADVISED):
        return ()
    from sluice.spec.rules import advice

    return _looked_up(advice.of_file, node, root)


def _looked_up(rule: FileRule, node: Node, root: Path) -> tuple[Diagnostic, ...]:
    """Return what a rule about files finds; a path that the system refuses to look at is a finding as well."""
    try:
        return tuple(islice(rule(node, root), MOST_FINDINGS))
    except OSError as error:
        name = PurePath(str(error.filename)).name
        return (refused_path(error, next(_naming(node, name), node.at)),)


def _naming(node: Node, name: str) -> Iterator[Mark]:
    """Yield where the values stand that are paths to a file of that name."""
    if isinstance(node, MapNode):
        for entry in node.entries.values():
            yield from _naming(entry.node, name)
    elif isinstance(node, ListNode):
        for item in node.items:
            yield from _naming(item, name)
    elif isinstance(node.value, str) and PurePath(node.value).name == name:
        yield node.at
