"""Models, environments and code as ARM resources: containers, versions, and the uploads they point to. Pure.

An asset without a name, written inside its deployment, is named after the deployment, and its version after its
content: the same content is the same version, whoever plans it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from sluice.errors import SpecError, Unsupported
from sluice.plan.azure_site import DATASTORE, Site, Tree, Written
from sluice.plan.azure_values import camel, part, text, texts, without_none
from sluice.plan.graph import Output, Resource
from sluice.plan.local import relative_to
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Deployment, Environment, Model, where

_DIGITS: Final = 12
_UPLOADS: Final = "LocalUpload"
_ROUTES: Final = ("liveness", "readiness", "scoring")


@dataclass(frozen=True)
class Asset:
    """A version of a model, an environment or code: its resources, in order, and the ARM id of the version."""

    id: str
    resources: tuple[Resource, ...]

    @property
    def key(self) -> str:
        """Return the key of the version's resource."""
        return self.resources[-1].key


@dataclass(frozen=True)
class Kind:
    """How a kind of asset is called in the graph and in ARM."""

    type: str
    collection: str


MODEL: Final = Kind("Model", "models")
ENVIRONMENT: Final = Kind("Environment", "environments")
CODE: Final = Kind("Code", "codes")


@dataclass(frozen=True)
class Assets:
    """Makes the assets of a stack's deployments."""

    site: Site
    written: Written
    root: Path

    def model(self, deployment: Deployment, model: Model, tree: Tree) -> Asset:
        """Return the version of a model. Raises Unsupported for one that has neither files here nor an address."""
        upload = self._model_upload(deployment, model, tree)
        properties = model_properties(model, tree, self._uri(upload) if upload else model.remote_path)
        named = model.name or _inline_name(deployment)
        version = model.version or (model.content.sha256 if model.content else digest(properties))[:_DIGITS]
        return self._asset(MODEL, named, version, properties, upload)

    def environment(self, deployment: Deployment, environment: Environment, tree: Tree) -> Asset:
        """Return the version of an environment. Raises SpecError for files that are not there."""
        built = self.site.images.get(f"{deployment.endpoint_name}/{deployment.name}")
        upload = None if built else self._context_upload(environment, tree)
        conda = None if built else self._conda(environment, tree)
        properties = environment_properties(environment, tree, Output(upload.key, "url") if upload else None, conda)
        if built:
            properties = {key: value for key, value in properties.items() if key != "build"}
            properties["image"] = Output(f"Image:{built}", "ref")
        named = environment.name or _inline_name(deployment)
        version = environment.version or digest([properties, upload.name if upload else None])[:_DIGITS]
        asset = self._asset(ENVIRONMENT, named, version, properties, upload)
        if not built:
            return asset
        image = Resource("Image", built, frozen_map(), (), deployment.endpoint_name)
        return Asset(asset.id, (image, *asset.resources))

    def code(self, deployment: Deployment) -> Asset | None:
        """Return the version of a deployment's scoring script and its folder; None where it has none."""
        code = deployment.code_configuration
        if code is None:
            return None
        if code.content is None:
            raise _missing(deployment, "code_configuration.code", code.code)
        upload = self._upload(code.code, code.content.sha256, DATASTORE)
        properties = {"codeUri": Output(upload.key, "url"), "isAnonymous": True, "isArchived": False}
        return self._asset(CODE, _inline_name(deployment), code.content.sha256[:_DIGITS], properties, upload)

    def _model_upload(self, deployment: Deployment, model: Model, tree: Tree) -> Resource | None:
        if model.remote_path:
            return None
        if model.path is None or model.content is None:
            raise Unsupported(
                f"deployment {deployment.name}: model {model.name or '(inline)'} has no files and no address",
                remedy="Point its path at a folder of this project, or at a datastore (azureml://...).",
                at=where(model, "path"),
            )
        return self._upload(model.path, model.content.sha256, _datastore(tree))

    def _context_upload(self, environment: Environment, tree: Tree) -> Resource | None:
        if environment.build is None:
            return None
        path = environment.build.path
        if path not in self.written.contexts:
            raise SpecError(
                f"the build context {relative_to(self.root, path)} is not there",
                remedy="Correct `build.path`.",
                at=where(environment, "build.path"),
            )
        return self._upload(path, self.written.contexts[path], _datastore(tree), folder=True)

    def _conda(self, environment: Environment, tree: Tree) -> Any:
        """Return what a conda file says, wherever it is written. Raises SpecError for a file that is not there."""
        if isinstance(tree.get("conda_file"), Mapping):
            return tree["conda_file"]
        if environment.conda_file is None:
            return None
        if environment.conda_file not in self.written.conda:
            raise SpecError(
                f"the conda file {relative_to(self.root, environment.conda_file)} is not there",
                remedy="Correct `conda_file`.",
                at=where(environment, "conda_file"),
            )
        return self.written.conda[environment.conda_file]

    def _upload(self, path: Path, sha256: str, datastore: str, *, folder: bool = False) -> Resource:
        """Return the upload of a file or folder, to a place that its content names: done once, and never changed."""
        place = f"{_UPLOADS}/{sha256[:32]}/{path.name}" + ("/" if folder else "")
        properties = {
            "workspace": self.site.id,
            "datastore": datastore,
            "path": relative_to(self.root, path),
            "sha256": sha256,
            "place": place,
        }
        return Resource("Upload", f"{datastore}/{place}", frozen_map(properties))

    def _uri(self, upload: Resource) -> str:
        return self.site.datastore_uri(str(upload.properties["place"]), str(upload.properties["datastore"]))

    def _asset(
        self, kind: Kind, name: str, version: str, properties: Mapping[str, Any], upload: Resource | None
    ) -> Asset:
        """Return a version, after its container; the service makes the container of an anonymous one by itself."""
        container_id = self.site.within(kind.collection, name)
        version_id = f"{container_id}/versions/{version}"
        held = {"id": container_id, "body": {"properties": {"isArchived": False}}}
        container = Resource(f"{kind.type}Container", name, frozen_map(held))
        before = [one for one in (upload, None if properties["isAnonymous"] else container) if one]
        body = {"id": version_id, "body": {"properties": dict(properties)}}
        needs = dict.fromkeys((*(one.key for one in before), *outputs_in(properties)))
        made = Resource(f"{kind.type}Version", f"{name}@{version}", frozen_map(body), tuple(needs))
        return Asset(version_id, (*before, made))


def model_properties(model: Model, tree: Tree, uri: str | None) -> dict[str, Any]:
    """Return a model version's properties; `uri` is where its files are."""
    flavors = {name: {"data": texts(one)} for name, one in (part(tree, "flavors") or {}).items()}
    default, allowed = part(tree, "default_deployment_template"), tree.get("allowed_deployment_templates")
    return without_none(
        {
            "description": model.description or None,
            "tags": dict(model.tags) or None,
            "properties": dict(model.properties) or None,
            "flavors": flavors or None,
            "modelType": model.type,
            "modelUri": uri,
            "stage": None if default or allowed else text(tree.get("stage")),
            "systemMetadata": part(tree, "system_metadata"),
            "defaultDeploymentTemplate": default and {"assetId": default.get("asset_id")},
            "allowedDeploymentTemplates": [{"assetId": one.get("asset_id")} for one in allowed] if allowed else None,
            **_standing(named=model.name is not None),
        }
    )


def environment_properties(environment: Environment, tree: Tree, context: Any, conda: Any) -> dict[str, Any]:
    """Return an environment version's properties.

    Args:
        environment: the specification.
        tree: the same as plain values.
        context: where its build context is; None where it has none.
        conda: what its conda file says; None where it has none.
    """
    build, routes = part(tree, "build"), part(tree, "inference_config")
    remote = text((build or {}).get("path"))
    return without_none(
        {
            "description": environment.description or None,
            "tags": dict(environment.tags) or None,
            "image": environment.image,
            "condaFile": yaml.safe_dump(conda, sort_keys=True) if conda else None,
            "build": build
            and without_none({"contextUri": context or remote, "dockerfilePath": text(build.get("dockerfile_path"))}),
            "osType": camel(tree.get("os_type")),
            "inferenceConfig": routes and {f"{name}Route": _route(routes[f"{name}_route"]) for name in _named(routes)},
            **_standing(named=environment.name is not None),
        }
    )


def _standing(*, named: bool) -> dict[str, bool]:
    """An asset that has no name of its own is kept out of the workspace's lists."""
    return {"isAnonymous": not named, "isArchived": False}


def _named(routes: Tree) -> Iterator[str]:
    yield from (name for name in _ROUTES if f"{name}_route" in routes)


def _route(given: Tree) -> dict[str, Any]:
    return {"path": given.get("path"), "port": given.get("port")}


def _inline_name(deployment: Deployment) -> str:
    """Endpoint names are unique in a region, so these are unique in a workspace."""
    return f"{deployment.endpoint_name}-{deployment.name}"


def _datastore(tree: Tree) -> str:
    """Return the name of the datastore that is asked for."""
    return str(tree.get("datastore") or DATASTORE).removeprefix("azureml:").rpartition("/")[2]


def digest(value: Any) -> str:
    """Return a SHA-256 of plain values; outputs of other resources count by what they name."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=_named_by).encode()).hexdigest()


def _named_by(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else repr(value)


def outputs_in(value: Any) -> Iterator[str]:
    """Yield the keys of the resources whose outputs stand anywhere in a value."""
    if isinstance(value, Output):
        yield value.resource
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for child in children:
        yield from outputs_in(child)


def _missing(deployment: Deployment, key: str, path: Path) -> SpecError:
    return SpecError(
        f"deployment {deployment.name}: {path.name} is not there", remedy=f"Correct `{key}`.", at=where(deployment, key)
    )
