"""The rules of prompt flow's flows, both forms.

They are loaded when the first flow is checked: files of other kinds, which are most, don't wait for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sluice.spec.diagnostics import Diagnostic
from sluice.spec.nodes import Node


def graph(node: Node) -> Iterator[Diagnostic]:
    """A flow of nodes (`flow.dag.yaml`) keeps the rules of its values, its nodes and its graph."""
    from sluice.spec.rules import assets, flow_graph, flow_steps, flow_values

    for rule in (*flow_values.DAG_RULES, *flow_steps.RULES, *flow_graph.RULES, assets.inline_image_name):
        yield from rule(node)


def graph_files(node: Node, root: Path) -> Iterator[Diagnostic]:
    """What a flow of nodes names on disk is there."""
    from sluice.spec.rules import flow_files, flow_includes

    for rule in (flow_includes.includes, *flow_files.FILE_RULES):
        yield from rule(node, root)


def flex(node: Node) -> Iterator[Diagnostic]:
    """A flex flow (`flow.flex.yaml`) keeps the rules of its values and its entry."""
    from sluice.spec.rules import assets, flow_flex, flow_values

    for rule in (*flow_values.RULES, *flow_flex.RULES, assets.inline_image_name):
        yield from rule(node)


def flex_files(node: Node, root: Path) -> Iterator[Diagnostic]:
    """What a flex flow names on disk is there, and its code defines the entry."""
    from sluice.spec.rules import flow_files, flow_flex, flow_includes

    own = (*flow_flex.FILE_RULES, flow_includes.includes)
    for rule in (*own, flow_files.environment, flow_files.definition_name):
        yield from rule(node, root)


DAG_RULES = (graph,)
DAG_FILE_RULES = (graph_files,)
FLEX_RULES = (flex,)
FLEX_FILE_RULES = (flex_files,)
