"""A model from a run: a specification that names the flow as the run had it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sluice.errors import NotFound, SluiceError, StorageFailed, UsageError
from sluice.runs.flows import snapshots
from sluice.runs.store import RunFolder
from sluice.spec.content import content_hash, model_content
from sluice.targets.local.files import storage_errors

_SCHEMA = "https://azuremlschemas.azureedge.net/latest/model.schema.json"


@dataclass(frozen=True)
class ModelFile:
    """A model's specification and where it goes; `copied` is the folder its files were copied to, None for none."""

    path: Path
    text: str
    copied: Path | None = None


def model_of_run(project: Path, folder: RunFolder, name: str | None, version: str) -> ModelFile:
    """Return the specification of a model with the flow that a run ran, below `models/`.

    It names the flow's own folder where that is still what was run. Else the run's snapshot is copied into the
    project, with the run's variant and connections in it, so that what is deployed is what was measured.

    Raises:
        UsageError: the run asked an endpoint, and has no flow; or the model's file is there.
        NotFound, StorageFailed: the snapshot is gone, or is no longer what was run.
    """
    record = folder.record()
    flow = record["flow"]
    if not flow:
        raise UsageError(f"run {folder.name} asked an endpoint: there is no flow to make a model of")
    name = name or Path(flow["path"]).name
    file = project / "models" / f"{name}.yaml"
    if file.exists():
        raise UsageError(f"{file.relative_to(project)} exists", remedy="Choose another --name, or remove it.")
    copied = None if _unchanged(project, flow) else _copied(project, folder, flow, f"{name}-{version}")
    path = copied or Path(flow["path"])
    return ModelFile(file, _text(file, path, name, version, record), copied)


def written(file: ModelFile) -> ModelFile:
    """Write the specification."""
    with storage_errors(file.path):
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.path.write_text(file.text, encoding="utf-8")
    return file


def _unchanged(project: Path, flow: Mapping[str, Any]) -> bool:
    if flow["changed"]:
        return False
    try:
        return bool(model_content(Path(flow["path"]), project).sha256 == flow["sha256"])
    except SluiceError:
        return False


def _copied(project: Path, folder: RunFolder, flow: Mapping[str, Any], name: str) -> Path:
    source, target = snapshots(project).content(flow["sha256"]), project / "models" / name
    if not source.is_dir():
        raise NotFound(f"the snapshot of run {folder.name} is gone: {source}", remedy="Run it again.")
    if target.exists():
        raise UsageError(f"{target.relative_to(project)} exists", remedy="Choose another --name or --version.")
    files = {one.relative_to(source).as_posix(): one for one in source.rglob("*") if one.is_file()}
    own = {place: one for place, one in files.items() if "__pycache__" not in place and ".promptflow" not in place}
    if content_hash(own) != flow["sha256"]:
        raise StorageFailed(
            f"the snapshot of run {folder.name} is not what was run: something was written into it",
            remedy="Run it again; a flow should write outside of its own folder.",
        )
    with storage_errors(target):
        for place, one in own.items():
            (target / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(one, target / place)
        if flow["changed"]:
            shutil.copy2(folder.definition, target / flow["file"])
    return target


def _text(file: Path, path: Path, name: str, version: str, record: Mapping[str, Any]) -> str:
    content = {
        "$schema": _SCHEMA,
        "name": name,
        "version": version,
        "path": Path(os.path.relpath(path, file.parent)).as_posix(),
        "description": record["description"] or f"The flow of run {record['name']}.",
        "properties": {
            "azureml.promptflow.source_flow_id": Path(record["flow"]["path"]).name,
            "azureml.promptflow.source_run_id": record["name"],
        },
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
