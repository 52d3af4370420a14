"""Which specifications a change of files is about: the changed ones and those that depend on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from sluice.errors import SpecError
from sluice.spec.documents import Document
from sluice.spec.files import yaml_files
from sluice.spec.kinds import Kind, detect
from sluice.spec.nodes import ListNode, MapNode, Node, ScalarNode, items, text
from sluice.spec.parse import read_node
from sluice.spec.references import asset_reference


def documents_below(root: Path) -> Iterator[Document]:
    """Yield every specification below `root`, of any kind; what can't be read is left out."""
    for path in yaml_files(root):
        with suppress(SpecError):
            node = read_node(path, root)
            if kind := detect(node, path):
                yield Document(kind, node)


def affected(documents: Sequence[Document], changed: Iterable[Path], root: Path) -> frozenset[Path]:
    """Return the files of `documents` that are among `changed`, or depend on one of them.

    A specification depends on the files and folders that it names and on those that these name in turn, a deployment
    on its model, environment and endpoint, an endpoint on its deployments, a rollout on both. Paths are absolute.
    """
    first = frozenset(changed)
    found, reached = dict[Path, Document](), first
    while reached:
        fresh = {path: one for path, one in _with_paths(documents, root) if path not in found and path in reached}
        fresh |= _dependents(documents, reached | fresh.keys(), root, found)
        found |= fresh
        reached = frozenset(fresh)
    return frozenset(found) | _counterparts(documents, found, first, root)


def _with_paths(documents: Iterable[Document], root: Path) -> Iterator[tuple[Path, Document]]:
    yield from ((root / one.node.at.path, one) for one in documents)


def _dependents(
    documents: Sequence[Document], reached: Collection[Path], root: Path, known: Collection[Path]
) -> dict[Path, Document]:
    """Return the documents that name one of the files `reached`, by path or, as an asset, by name."""
    assets = {_asset(one) for path, one in _with_paths(documents, root) if path in reached}
    with_folders = frozenset(one for path in reached for one in (path, *path.parents))
    return {
        path: one
        for path, one in _with_paths(documents, root)
        if path not in known
        and (_names_one_of(one.node, path.parent, with_folders) or not assets.isdisjoint(_assets_used(one)))
    }


def _counterparts(
    documents: Sequence[Document], found: Mapping[Path, Document], changed: Collection[Path], root: Path
) -> frozenset[Path]:
    """Return the endpoints and rollouts of deployments in `found`, and what stands behind changed endpoints.

    With them come those that name a counterpart which is not there: the change may have renamed it.
    """
    deployed = {_endpoint(one) for one in found.values() if one.kind is Kind.DEPLOYMENT}
    opened = {_endpoint(one) for path, one in found.items() if one.kind is Kind.ENDPOINT and path in changed}
    known = {_endpoint(one) for one in documents if one.kind is Kind.ENDPOINT}
    behind = {(_endpoint(one), text(one.node, "name")) for one in documents if one.kind is Kind.DEPLOYMENT}

    def concerned(one: Document) -> bool:
        name = _endpoint(one)
        if one.kind in {Kind.DEPLOYMENT, Kind.ROLLOUT}:
            walked = one.kind is Kind.ROLLOUT and name in deployed
            return walked or name in opened or (bool(opened) and name not in known)
        weighted = {(name, target) for key in ("traffic", "mirror_traffic") for target, _ in items(one.node, key)}
        return one.kind is Kind.ENDPOINT and (name in deployed or (bool(deployed) and not weighted <= behind))

    return frozenset(path for path, one in _with_paths(documents, root) if concerned(one))


def _endpoint(document: Document) -> str | None:
    return text(document.node, "name" if document.kind is Kind.ENDPOINT else "endpoint_name")


def _asset(document: Document) -> tuple[str, str | None]:
    return document.kind, text(document.node, "name")


def _assets_used(document: Document) -> Iterator[tuple[str, str | None]]:
    """Yield kind and name of the assets that a deployment refers to by name."""
    for kind in (Kind.MODEL, Kind.ENVIRONMENT) if document.kind is Kind.DEPLOYMENT else ():
        if written := text(document.node, kind.value):
            yield kind, asset_reference(written, document.node.at).name


def _names_one_of(node: Node, folder: Path, paths: Collection[Path]) -> bool:
    """Tell whether a value of the specification in `folder` names one of `paths`."""
    return any(_resolved(folder, value) in paths for value in _texts(node))


def _resolved(folder: Path, value: str) -> Path | None:
    if not value or len(value) > 1000 or "\n" in value or ":" in value:
        return None
    steps: list[str] = []
    for part in (folder / value).parts:
        if part == ".." and steps:
            steps.pop()
        elif part != ".":
            steps.append(part)
    return Path(*steps)


def _texts(node: Node) -> Iterator[str]:
    if isinstance(node, MapNode):
        for _, entry in items(node):
            yield from _texts(entry.node)
    elif isinstance(node, ListNode):
        for item in node.items:
            yield from _texts(item)
    elif isinstance(node, ScalarNode) and isinstance(node.value, str):
        yield node.value
