"""Which files are specifications, and a stack's overlays put on top of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sluice.errors import Mark, SpecError, SpecFileError
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at
from sluice.spec.kinds import Kind, detect
from sluice.spec.merge import merged
from sluice.spec.nodes import Node, dig, text
from sluice.spec.parse import read_documents, single
from sluice.spec.reading import display_path
from sluice.spec.values import as_text

DEFAULT_PATTERNS = (
    "endpoints/**/*.y*ml",
    "models/**/*.y*ml",
    "environments/**/*.y*ml",
    "connections/**/*.y*ml",
    "access.y*ml",
)
SETTINGS_FILE = "stack.yaml"

# What a stack is made of. Flows are read where a model names them; the rest is validated file by file.
DEPLOYED_KINDS = frozenset({
    Kind.ENDPOINT, Kind.DEPLOYMENT, Kind.MODEL, Kind.ENVIRONMENT, Kind.CONNECTION, Kind.ACCESS, Kind.ROLLOUT,
})  # fmt: skip

SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", ".git", ".venv", ".sluice", ".promptflow"})


class Document(NamedTuple):
    """One specification as it is written; `overlay` is set on a stack's file that found nothing to lie upon."""

    kind: Kind
    node: Node
    overlay: bool = False

    @property
    def named_by(self) -> str:
        """The key that holds its name: a rollout has its endpoint's."""
        return "endpoint_name" if self.kind is Kind.ROLLOUT else "name"

    @property
    def key(self) -> tuple[str, ...]:
        """What tells it from others of its kind; as far as it is written."""
        name = text(self.node, self.named_by) or ""
        if self.kind is Kind.DEPLOYMENT:
            return text(self.node, "endpoint_name") or "", name
        if self.kind in {Kind.MODEL, Kind.ENVIRONMENT}:
            return name, as_text(dig(self.node, "version")) or "1"
        return (self.node.at.path,) if self.kind is Kind.ACCESS else (name,)


class Gathered(NamedTuple):
    """Specifications and what was found wrong while they were gathered."""

    documents: tuple[Document, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


def gather(root: Path, patterns: Sequence[str] | None) -> Gathered:
    """Return the specifications that `patterns` (default: DEFAULT_PATTERNS) match below `root`.

    Files of other kinds than DEPLOYED_KINDS are left out; unreadable ones are errors.
    """
    findings: list[Diagnostic] = []
    paths: dict[Path, None] = {}
    for pattern in patterns or DEFAULT_PATTERNS:
        matched = _matches(root, pattern)
        if patterns and not matched:
            findings.append(
                error_at(Mark(pattern), "no file matches this pattern of `specs`", "Correct or remove it.", "specs")
            )
        paths |= dict.fromkeys(matched)
    documents: list[Document] = []
    for path in paths:
        try:
            documents.extend(_document(path, root))
        except SpecFileError as error:
            findings.append(as_diagnostic(error, display_path(path, root)))
    return Gathered(tuple(documents), tuple(findings))


def as_diagnostic(error: SpecError, shown: str) -> Diagnostic:
    """Return an error raised while reading as a finding; `shown` is the file where the error names none."""
    return error_at(error.at or Mark(shown), error.message, error.remedy, error.code)


def _matches(root: Path, pattern: str) -> list[Path]:
    if Path(pattern).is_absolute():
        raise SpecError(f"the pattern `{pattern}` is absolute", remedy="Write it relative to the project.")
    files = root.glob(pattern + "/*.y*ml" if pattern.endswith("**") else pattern)
    below = len(root.parts)
    return sorted(path for path in files if path.is_file() and not SKIPPED_FOLDERS & set(path.parts[below:]))


def _document(path: Path, root: Path) -> Iterator[Document]:
    documents = read_documents(path, root)
    kind = detect(documents[0], path.relative_to(root) if path.is_relative_to(root) else path) if documents else None
    if kind in DEPLOYED_KINDS:
        yield Document(kind, single(documents, Mark(display_path(path, root))))


def gather_overlays(root: Path, stack: str) -> tuple[tuple[Node, ...], tuple[Diagnostic, ...]]:
    """Return the overlays in `stacks/<stack>/`: every YAML file but its settings and Pulumi's."""
    folder = root / "stacks" / stack
    nodes: list[Node] = []
    findings: list[Diagnostic] = []
    for path in _matches(root, f"stacks/{stack}/**/*.y*ml") if folder.is_dir() else ():
        if path == folder / SETTINGS_FILE or path.name.startswith("Pulumi."):
            continue
        try:
            nodes.append(single(read_documents(path, root), Mark(display_path(path, root))))
        except SpecFileError as error:
            findings.append(as_diagnostic(error, display_path(path, root)))
    return tuple(nodes), tuple(findings)


def overlaid(base: Sequence[Document], overlays: Iterable[Node]) -> Gathered:
    """Return `base` with each overlay on top of the one specification it names.

    An overlay that names none is a specification of its own; one that could mean several is an error.
    """
    documents = list(base)
    findings: list[Diagnostic] = []
    for node in overlays:
        told = detect(node, Path(node.at.path))
        kind = told if told in DEPLOYED_KINDS else None
        found = [index for index, document in enumerate(documents) if _means(node, kind, document)]
        if len(found) == 1 or (found and kind is Kind.ROLLOUT):  # of two for one endpoint, the second is an error
            target = documents[found[0]]
            documents[found[0]] = target._replace(node=merged(target.node, node))
        elif found:
            findings.append(_ambiguous(node, [documents[index] for index in found]))
        elif kind:
            documents.append(Document(kind, node, overlay=True))
        elif text(node, "name"):
            findings.append(_unmatched(node))
    return Gathered(tuple(documents), tuple(findings))


def _means(node: Node, kind: Kind | None, document: Document) -> bool:
    """Tell whether the overlay `node` is about `document`: what it says of kind, name and version agrees."""
    if document.kind is Kind.ACCESS or kind not in {None, document.kind}:
        return False
    if document.kind is Kind.ROLLOUT and kind is None:
        return False  # a name alone may be a deployment's endpoint
    parts = {Kind.DEPLOYMENT: ("endpoint_name",), Kind.MODEL: ("version",), Kind.ENVIRONMENT: ("version",)}
    name = text(node, document.named_by)
    said = {key: as_text(dig(node, key)) for key in parts.get(document.kind, ()) if dig(node, key)}
    return name == text(document.node, document.named_by) and all(value in document.key for value in said.values())


def _ambiguous(node: Node, found: Sequence[Document]) -> Diagnostic:
    places = ", ".join(str(document.node.at) for document in found)
    remedy = "Add `endpoint_name`, `version` or `$schema`, so that it means one of them."
    return error_at(node.at, f"the overlay `{text(node, 'name')}` could mean several: {places}", remedy, "overlay")


def _unmatched(node: Node) -> Diagnostic:
    message = f"the overlay `{text(node, 'name')}` matches no specification"
    return error_at(node.at, message, "Check its name, or make it a whole specification.", "overlay")
