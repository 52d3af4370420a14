"""Base images: whether Azure can pull one, and whether a flow can be served from it. Deciding is pure."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from sluice.errors import Mark
from sluice.spec.diagnostics import Diagnostic
from sluice.spec.findings import error_at, warning_at
from sluice.spec.frozen import frozen_map

PUBLIC: Final = (
    "docker.io", "mcr.microsoft.com", "ghcr.io", "quay.io", "gcr.io", "registry.k8s.io", "nvcr.io", "public.ecr.aws",
)  # fmt: skip
_ACR: Final = re.compile(r"[a-z0-9]{5,50}(-[a-z0-9]+)?\.azurecr\.(io|cn|us)")
_LOCAL_NAMES: Final = (".local", ".internal", ".lan", ".localhost")
_RUNTIME_SIGN: Final = re.compile(r"prompt-?flow", re.IGNORECASE)
_ACCEPT: Final = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)
_CHALLENGE: Final = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Reference:
    """An image's address: registry, repository, and tag or digest."""

    registry: str
    repository: str
    version: str

    @property
    def api(self) -> str:
        """Where the registry answers: Docker's own under another name; on loopback without TLS."""
        host = "registry-1.docker.io" if self.registry == "docker.io" else self.registry
        loopback = re.fullmatch(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?", self.registry)
        return f"{'http' if loopback else 'https'}://{host}/v2/{self.repository}"


def reference(image: str) -> Reference:
    """Return the parts of an image's address, as Docker reads it: without a registry it is docker.io's."""
    name, _, digest = image.strip().partition("@")
    first, slash, rest = name.partition("/")
    named = bool(slash) and ("." in first or ":" in first or first == "localhost")
    registry, path = (first, rest) if named else ("docker.io", name)
    repository, colon, tag = path.rpartition(":") if ":" in path else (path, "", "")
    if registry == "docker.io" and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(registry, repository, digest or (tag if colon else "latest"))


def registry_findings(image: str, at: Mark) -> tuple[Diagnostic, ...]:
    """Return what keeps a managed endpoint on Azure from pulling `image`: it takes public registries and ACR.

    A registry on this machine or in a private network is an error; one that nobody here knows, a warning.
    """
    registry = reference(image).registry.lower()
    if registry in PUBLIC or _ACR.fullmatch(registry):
        return ()
    if _private(registry):
        message = f"the base image comes from {registry}, which Azure can't reach"
        remedy = "Push it to an Azure Container Registry or a public registry, and name that."
        return (error_at(at, message, remedy, "base-registry"),)
    message = f"the base image comes from {registry}: Azure pulls from public registries and ACR only"
    return (warning_at(at, message, "If it asks for a password, push the image to an ACR.", "base-registry"),)


def _private(registry: str) -> bool:
    host = re.sub(r":\d+$", "", registry).strip("[]")
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith(_LOCAL_NAMES)


@dataclass(frozen=True)
class ImageFacts:
    """What a registry tells of an image: digest, layers (ids of what they hold), and its configuration.

    Attributes:
        digest: of the manifest, or of the index of several platforms: what a reference is pinned with.
        layers: diff ids, from the bottom.
        user: who it runs as; empty for root.
        texts: labels, annotations, variables and the commands of its history, for signs of what it is.
    """

    digest: str
    layers: tuple[str, ...] = ()
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=frozen_map)
    texts: tuple[str, ...] = ()


def facts_of(digest: str, manifest: Mapping[str, Any], config: Mapping[str, Any]) -> ImageFacts:
    """Return the facts in an image's manifest and configuration (OCI image specification); what lacks is left out."""
    inner = config.get("config") or {}
    labels = {**(inner.get("Labels") or {}), **(manifest.get("annotations") or {})}
    history = [str(one.get("created_by", "")) for one in config.get("history") or ()]
    said = (*(f"{key}={value}" for key, value in labels.items()), *(inner.get("Env") or ()), *history)
    return ImageFacts(
        digest,
        tuple((config.get("rootfs") or {}).get("diff_ids") or ()),
        str(inner.get("User") or ""),
        frozen_map(labels),
        tuple(said),
    )


def names_flow_runtime(image: str) -> bool:
    """Tell whether an image is the prompt flow runtime, or made from it, by its name."""
    return bool(_RUNTIME_SIGN.search(reference(image).repository))


def flow_base_findings(
    image: str, facts: ImageFacts | None, at: Mark, runtime: ImageFacts | None = None
) -> tuple[Diagnostic, ...]:
    """Return what speaks against serving a flow from `image`, which has to derive from the prompt flow runtime.

    It does where it is named so, has the runtime's layers at its bottom, or says so in labels, variables or history.
    What can't be read is a warning, and so is an image that shows no sign: it may bring a server of its own.
    """
    if names_flow_runtime(image):
        return ()
    if facts is None:
        message = f"whether `{image}` derives from the prompt flow runtime could not be checked: it can't be read"
        remedy = "A flow is served by the runtime: build the image FROM it."
        return (warning_at(at, message, remedy, "flow-base"),)
    if _derives(facts, runtime):
        return ()
    message = f"nothing in `{image}` shows that it derives from the prompt flow runtime, which serves flows"
    remedy = "Build it FROM mcr.microsoft.com/azureml/promptflow/promptflow-runtime."
    return (warning_at(at, message, remedy, "flow-base"),)


def _derives(facts: ImageFacts, runtime: ImageFacts | None) -> bool:
    same = bool(runtime and runtime.layers and facts.layers[: len(runtime.layers)] == runtime.layers)
    return same or any(_RUNTIME_SIGN.search(text) for text in facts.texts)


def read_image(image: str, platform: str = "linux/amd64", timeout_s: float = 5) -> ImageFacts | None:
    """Return what the registry tells anyone about `image`; None where it can't be reached or asks who we are."""
    client = _Client(reference(image), timeout_s)
    try:
        digest, manifest = client.manifest(client.at.version)
        if "manifests" in manifest:
            _, manifest = client.manifest(_chosen(manifest["manifests"], platform))
        return facts_of(digest, manifest, client.blob(manifest["config"]["digest"]))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None


def _chosen(manifests: Sequence[Mapping[str, Any]], platform: str) -> str:
    def rank(one: Mapping[str, Any]) -> bool:
        said = one.get("platform") or {}
        return f"{said.get('os')}/{said.get('architecture')}" != platform

    return str(min(manifests, key=rank)["digest"])


class _Client:
    """Reads one repository of a registry, with the token that it gives to anyone where it asks for one."""

    def __init__(self, at: Reference, timeout_s: float) -> None:
        self.at = at
        self._timeout_s = timeout_s
        self._token = ""

    def manifest(self, version: str) -> tuple[str, dict[str, Any]]:
        """Return a manifest and its digest."""
        body, headers = self._get(f"{self.at.api}/manifests/{version}")
        return headers.get("Docker-Content-Digest", ""), json.loads(body)

    def blob(self, digest: str) -> dict[str, Any]:
        """Return a configuration."""
        found: dict[str, Any] = json.loads(self._get(f"{self.at.api}/blobs/{digest}")[0])
        return found

    def _get(self, url: str) -> tuple[bytes, Mapping[str, str]]:
        try:
            return self._ask(url)
        except HTTPError as refusal:
            challenge = dict(_CHALLENGE.findall(refusal.headers.get("WWW-Authenticate", "")))
            if refusal.code != 401 or self._token or "realm" not in challenge:
                raise
            query = "&".join(f"{key}={value}" for key, value in challenge.items() if key in {"service", "scope"})
            answer = json.loads(self._ask(f"{challenge['realm']}?{query}")[0])
            self._token = answer.get("token") or answer["access_token"]
            return self._ask(url)

    def _ask(self, url: str) -> tuple[bytes, Mapping[str, str]]:
        if not url.startswith(("http://", "https://")):
            raise ValueError(url)
        request = Request(url, headers={"Accept": _ACCEPT})  # noqa: S310 - checked above
        if self._token:  # blobs are often kept elsewhere, where the token has no business
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        with urlopen(request, timeout=self._timeout_s) as answer:  # noqa: S310 - checked above
            return answer.read(4 * 1024 * 1024), dict(_headers(answer.headers))


def _headers(found: Any) -> Iterator[tuple[str, str]]:
    yield from found.items()
