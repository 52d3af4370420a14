"""Which rules a kind of specification has to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from sluice.spec.kinds import Kind
from sluice.spec.models import Diagnostic
from sluice.spec.nodes import MapNode, Node
from sluice.spec.rules import assets, connection, deployment, endpoint, paths, texts

Rule = Callable[[Node], Iterator[Diagnostic]]
FileRule = Callable[[Node, Path], Iterator[Diagnostic]]

_RULES: Mapping[Kind, tuple[Rule, ...]] = {
    Kind.ENDPOINT: (*endpoint.RULES, texts.labels),
    Kind.DEPLOYMENT: (*deployment.RULES, texts.labels, texts.environment_variables),
    Kind.MODEL: (texts.version, texts.labels),
    Kind.ENVIRONMENT: (assets.one_source, texts.version, texts.labels),
    Kind.CONNECTION: connection.RULES,
}

_FILE_RULES: Mapping[Kind, tuple[FileRule, ...]] = {
    Kind.DEPLOYMENT: (paths.code, paths.inline_model, paths.inline_environment),
    Kind.MODEL: (paths.model,),
    Kind.ENVIRONMENT: (paths.environment,),
}


def own_findings(kind: Kind, node: Node, root: Path) -> tuple[Diagnostic, ...]:
    """Return what is wrong with one specification by itself, beyond its schema; `root` is where marks start."""
    if not isinstance(node, MapNode):
        return ()
    stated = [finding for rule in _RULES.get(kind, ()) for finding in rule(node)]
    on_disk = [finding for rule in _FILE_RULES.get(kind, ()) for finding in rule(node, root)]
    return (*stated, *on_disk)
