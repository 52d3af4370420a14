"""From files to a checked set of specifications: the door of this package.

What only a whole stack needs is imported where it is used: a file by itself is checked in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sluice.errors import Mark, SpecError
from sluice.spec.checking import Checked, check_document
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.documents import Document, Gathered, gather, gather_overlays, overlaid
from sluice.spec.faults import FILE_FAULTS
from sluice.spec.findings import error_at, refused_path
from sluice.spec.frozen import frozen_map
from sluice.spec.kinds import Kind
from sluice.spec.models import Deployment, Model, ModelContent, SpecSet
from sluice.spec.nodes import mark_of

if TYPE_CHECKING:
    from sluice.spec.rules.world import World


def load_specs(root: Path, patterns: Sequence[str] | None = None, stack: str | None = None) -> SpecSet:
    """Return every specification of the project at `root`, with the overlays of `stack` on top, checked.

    Bad specifications don't raise: `diagnostics` of the result holds what is wrong with them, in the order of
    files and lines, and the rest of the set holds what could be read. `check` turns errors into an exception.

    Args:
        root: the project's folder; paths in marks are relative to it.
        patterns: globs relative to `root`; None means `documents.DEFAULT_PATTERNS`.
        stack: folder name below `stacks/`; None means no overlays.
    """
    from sluice.spec.rules.across import across_findings

    root = root.resolve()
    found = _stacked(root, gather(root, patterns), stack)
    checked = [check_document(document, root, alone=False) for document in found.documents]
    unique, repeated = _unique([one for one in checked if one.readable])
    world, content_findings = _with_contents(_world(root, unique, checked))
    copies = {finding.at.path for finding in repeated}
    findings = [one for of in checked for one in of.diagnostics if one.severity == "error" or one.at.path not in copies]
    findings += [*found.diagnostics, *repeated, *content_findings]
    if not any(finding.code in FILE_FAULTS for finding in found.diagnostics):
        findings += across_findings(world)  # what a file that can't be read says, the others may lean on
    return _spec_set(world, findings)


def check(specs: SpecSet) -> None:
    """Raise one SpecError with every error in `specs.diagnostics`; return where there is none."""
    raise_errors(specs.diagnostics)


def raise_errors(diagnostics: Iterable[Diagnostic]) -> None:
    """Raise one SpecError with every error among `diagnostics`: the first as its head, the others in its details."""
    errors = [finding for finding in diagnostics if finding.severity == "error"]
    if not errors:
        return
    first, *others = errors
    if not others:
        raise SpecError(first.message, remedy=first.remedy, at=first.at)
    # The remedy stands right below its error, not below all of them.
    lines = [first.remedy] if first.remedy else []
    raise SpecError(first.message, at=first.at, details="\n".join([*lines, *map(shown, others)]))


def shown(finding: Diagnostic) -> str:
    """Return a finding as one line of text, with its remedy below."""
    line = f"{finding.at}: {finding.message}"
    return f"{line}\n  {finding.remedy}" if finding.remedy else line


def _stacked(root: Path, base: Gathered, stack: str | None) -> Gathered:
    if stack is None:
        return base
    overlays, unreadable = gather_overlays(root, stack)
    found = overlaid(base.documents, overlays)
    return Gathered(found.documents, (*base.diagnostics, *unreadable, *found.diagnostics))


def _unique(checked: Sequence[Checked]) -> tuple[list[Document], list[Diagnostic]]:
    """Return the documents without those whose name another one has already, and errors for these."""
    first: dict[tuple[str, ...], Document] = {}
    findings: list[Diagnostic] = []
    for document in (one.document for one in checked):
        key = (document.kind, *document.key)
        if key in first:
            message = f"the {document.kind} `{'/'.join(document.key)}` is written twice, first in {first[key].node.at}"
            findings.append(
                error_at(mark_of(document.node, document.named_by), message, "Keep one of the two.", "duplicate")
            )
        first.setdefault(key, document)
    return list(first.values()), findings


def _world(root: Path, documents: Sequence[Document], checked: Sequence[Checked]) -> World:
    from sluice.spec.build import build_access, build_deployment, build_endpoint
    from sluice.spec.build_assets import build_environment, build_model
    from sluice.spec.build_connection import build_connection
    from sluice.spec.build_rollout import build_rollout
    from sluice.spec.rules.world import World

    def of(kind: Kind) -> list[Document]:
        return [document for document in documents if document.kind is kind]

    models = [(build_model(document.node, root), document) for document in of(Kind.MODEL)]
    environments = [(build_environment(document.node, root), document) for document in of(Kind.ENVIRONMENT)]
    connections = [build_connection(document.node) for document in of(Kind.CONNECTION)]
    return World(
        root=root,
        endpoints=tuple((build_endpoint(document.node), document.node) for document in of(Kind.ENDPOINT)),
        deployments=tuple((build_deployment(document.node, root), document.node) for document in of(Kind.DEPLOYMENT)),
        models=frozen_map({(model.name or "", model.version or ""): model for model, _ in models}),
        environments=frozen_map({(one.name or "", one.version or ""): one for one, _ in environments}),
        connections=frozen_map({connection.name: connection for connection in connections}),
        access=tuple(build_access(document.node) for document in of(Kind.ACCESS)),
        rollouts=tuple((build_rollout(document.node, root), document.node) for document in of(Kind.ROLLOUT)),
        unread=frozenset((one.document.kind, *one.document.key) for one in checked if not one.readable),
    )


def _with_contents(world: World) -> tuple[World, list[Diagnostic]]:
    """Return `world` with the content of every local model, each folder read once, and what was wrong with them."""
    reader = _Contents(world.root)
    models = {key: reader.filled(model) for key, model in world.models.items()}
    deployments = [(reader.deployed(one), node) for one, node in world.deployments]
    return replace(world, models=frozen_map(models), deployments=tuple(deployments)), reader.findings


class _Contents:
    """Reads model folders, each once."""

    def __init__(self, root: Path) -> None:
        self.findings: list[Diagnostic] = []
        self._root = root
        self._read: dict[Path, ModelContent | None] = {}

    def deployed(self, deployment: Deployment) -> Deployment:
        model = self.filled(deployment.model) if isinstance(deployment.model, Model) else deployment.model
        code = deployment.code_configuration
        if code:
            code = replace(code, content=self._once(code.code, deployment.at))
        return replace(deployment, model=model, code_configuration=code)

    def filled(self, model: Model) -> Model:
        return replace(model, content=self._once(model.path, model.at)) if model.path else model

    def _once(self, path: Path, at: Mark) -> ModelContent | None:
        if path not in self._read:
            self._read[path] = self._looked_up(path, at)
        return self._read[path]

    def _looked_up(self, path: Path, at: Mark) -> ModelContent | None:
        try:
            return self._content(path, at) if path.exists() else None
        except OSError as error:
            self.findings.append(refused_path(error, at))
            return None

    def _content(self, path: Path, at: Mark) -> ModelContent | None:
        from sluice.spec.content import model_content
        from sluice.spec.rules.flow_folder import flow_findings

        told = flow_findings(path, self._root) if path.is_dir() else ()
        self.findings += told
        try:
            return model_content(path, self._root)
        except SpecError as error:
            # The flow's own rules say the same better; without any, this is the only word.
            if not any(finding.severity == "error" for finding in told):
                self.findings.append(error_at(error.at or at, error.message, error.remedy, error.code))
            return None


def order(finding: Diagnostic) -> tuple[Mark, str]:
    """Return what findings are sorted by: file, line, column, then their text."""
    return finding.at, finding.message


def _spec_set(world: World, findings: Iterable[Diagnostic]) -> SpecSet:
    return SpecSet(
        root=world.root,
        endpoints=frozen_map({endpoint.name: endpoint for endpoint, _ in world.endpoints}),
        deployments=tuple(deployment for deployment, _ in world.deployments),
        models=world.models,
        environments=world.environments,
        connections=world.connections,
        access=world.access,
        rollouts=frozen_map({rollout.endpoint_name: rollout for rollout, _ in world.rollouts}),
        diagnostics=tuple(sorted(set(findings), key=order)),
        unread=world.unread,
    )
