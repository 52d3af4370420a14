"""What a stack's files say, as plain values, for the plan of resources on Azure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sluice.errors import SpecError
from sluice.plan.azure_site import Tree, Written
from sluice.spec.checking import check_document
from sluice.spec.content import model_content
from sluice.spec.documents import Document, gather, gather_overlays, overlaid
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Environment, SpecSet
from sluice.spec.nodes import to_json


def read_written(specs: SpecSet, patterns: Sequence[str] | None = None, stack: str | None = None) -> Written:
    """Return what the files of a stack say: its specifications, and the conda files and build contexts they name.

    `patterns` and `stack` are those that `specs` were loaded with. A file that is not there is left out.
    """
    root = specs.root
    documents = gather(root, patterns).documents
    if stack is not None:
        documents = overlaid(documents, gather_overlays(root, stack)[0]).documents
    return Written(trees_of(documents, root), *_files(_environments(specs), root))


def trees_of(documents: Iterable[Document], root: Path) -> Mapping[tuple[str, ...], Tree]:
    """Return specifications as plain values, by kind and key."""
    read = [check_document(document, root, alone=False) for document in documents]
    trees = {(one.document.kind, *one.document.key): to_json(one.document.node) for one in read if one.readable}
    return frozen_map({key: tree for key, tree in trees.items() if isinstance(tree, dict)})


def _environments(specs: SpecSet) -> Iterator[Environment]:
    yield from specs.environments.values()
    yield from (one.environment for one in specs.deployments if isinstance(one.environment, Environment))


def _files(environments: Iterable[Environment], root: Path) -> tuple[dict[Path, Any], dict[Path, str]]:
    conda: dict[Path, Any] = {}
    contexts: dict[Path, str] = {}
    for environment in environments:
        if environment.conda_file and environment.conda_file.is_file():
            conda[environment.conda_file] = _conda(environment.conda_file)
        if environment.build and environment.build.path.is_dir():
            contexts[environment.build.path] = model_content(environment.build.path, root).sha256
    return conda, contexts


def _conda(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SpecError(f"the conda file {file.name} is no YAML", remedy="Correct it.") from error
