"""Files of this machine into a datastore of the workspace: to a place their content names, once.

The datastore's secret is asked of ARM (a SAS, or the account's key, of which a SAS is made); a datastore without one
is reached by the login itself (role Storage Blob Data Contributor).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from sluice.errors import AccessDenied, SluiceError, SpecError, StorageFailed, Unsupported
from sluice.spec.content import model_content
from sluice.targets.azure.arm import ArmClient
from sluice.targets.azure.cloud import Cloud
from sluice.targets.azure.credentials import Credential, Tokens
from sluice.targets.azure.errors import AzureFailed
from sluice.targets.azure.patience import Patience, pause
from sluice.targets.azure.transport import Response

STORAGE: Final = "https://storage.azure.com/.default"
_VERSION: Final = "2021-12-02"
_SAS_HOURS: Final = 24
_MARKER: Final = ".sluice-upload.json"
_CREATED: Final = frozenset({200, 201})
_THERE: Final = frozenset({409, 412})
"""What a blob that exists answers to a write that asks for a new one."""


@dataclass(frozen=True)
class Upload:
    """What goes where: `path` is here, `place` in the datastore; a `place` with a slash at its end is a folder's."""

    workspace: str
    datastore: str
    path: Path
    sha256: str
    place: str


@dataclass(frozen=True)
class Container:
    """A blob container, and how it is opened: `sas` (a query) or `headers`."""

    url: str
    sas: str = field(default="", repr=False)
    headers: Callable[[], Mapping[str, str]] = field(default=dict, repr=False)

    def address(self, name: str, **query: str) -> str:
        """Return the URL of a blob."""
        asked = "&".join(part for part in (urlencode(query), self.sas) if part)
        return f"{self.url}/{quote(name)}" + (f"?{asked}" if asked else "")


@dataclass
class Uploader:
    """Puts files into datastores.

    Attributes:
        arm: asked for the datastore.
        login: opens datastores that have no secret.
        root: the project, which a flow's additional includes may reach into.
        report: takes a line a step.
        block: bytes that are sent at once; a file that is larger goes in blocks of as many.
    """

    arm: ArmClient
    cloud: Cloud
    login: Credential = field(repr=False)
    root: Path
    report: Callable[[str], None] = field(default=lambda _line: None)
    patience: Patience = field(default_factory=Patience)
    block: int = 32 * 1024 * 1024
    _session: Any = field(default=None, repr=False)

    def put(self, upload: Upload) -> str:
        """Put the files there unless they are; return the address of file or folder.

        Raises SpecError where the files changed meanwhile, AccessDenied, Unsupported, AzureFailed and StorageFailed.
        """
        container = self.container(upload)
        marker = upload.place.rstrip("/") + _MARKER
        if not self._is_there(container, marker):
            files = _files(upload, self.root)
            for index, (name, path) in enumerate(files.items(), 1):
                self.report(f"{upload.path.name}: file {index} of {len(files)}")
                self._put_file(container, name, path)
            self._put_bytes(container.address(marker), container, b"{}")
        return f"{container.url}/{quote(upload.place)}"

    def container(self, upload: Upload) -> Container:
        """Return the container of a datastore. Raises Unsupported for one that is none of blobs."""
        place = f"{upload.workspace}/datastores/{upload.datastore}"
        told = self.arm.read(place).body.get("properties") or {}
        if str(told.get("datastoreType", "")).lower() != "azureblob":
            raise Unsupported(
                f"datastore {upload.datastore} is of type {told.get('datastoreType')}, which files are not uploaded to",
                remedy="Name a datastore of blobs, or none: the workspace's own is one.",
            )
        account, name = str(told["accountName"]), str(told["containerName"])
        host = f"{told.get('protocol') or 'https'}://{account}.blob.{told.get('endpoint') or 'core.windows.net'}"
        url = f"{self.cloud.blobs.format(account=account) or host}/{name}"
        return self._opened(url, account, name, self._secrets(place))

    def _secrets(self, datastore: str) -> Mapping[str, Any]:
        """Return a datastore's secrets; none where it has none, or the login may not see them."""
        try:
            return dict(self.arm.post(f"{datastore}/listSecrets") or {})
        except (AccessDenied, AzureFailed):
            return {}

    def _opened(self, url: str, account: str, name: str, secrets: Mapping[str, Any]) -> Container:
        if secrets.get("sasToken"):
            return Container(url, sas=str(secrets["sasToken"]).lstrip("?"))
        if secrets.get("key"):
            return Container(url, sas=container_sas(account, name, str(secrets["key"]), self.arm.clock.now()))
        tokens = Tokens(self.arm.clock.now, self.login, STORAGE)
        return Container(url, headers=lambda: {"Authorization": f"Bearer {tokens.token()}"})

    def _is_there(self, container: Container, name: str) -> bool:
        answer = self._sent("HEAD", container.address(name), container, None, {})
        if answer.status in {200, 404}:
            return answer.status == 200
        raise _refused(container, answer)

    def _put_file(self, container: Container, name: str, path: Path) -> None:
        """Put one file; a large one in blocks, which count only once all are there."""
        try:
            if path.stat().st_size <= self.block:
                self._put_bytes(container.address(name), container, path.read_bytes())
            elif not self._is_there(container, name):
                self._put_blocks(container, name, path)
        except OSError as error:
            raise StorageFailed(f"{path}: can't be read ({error.strerror})", remedy="Give yourself access.") from None

    def _put_bytes(self, url: str, container: Container, content: bytes) -> None:
        headers = {"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"}
        answer = self._sent("PUT", url, container, content, headers)
        if answer.status not in _CREATED | _THERE:
            raise _refused(container, answer)

    def _put_blocks(self, container: Container, name: str, path: Path) -> None:
        named: list[str] = []
        for index, block in enumerate(_blocks(path, self.block)):
            named.append(base64.b64encode(f"{index:08}".encode()).decode())
            self.report(f"{path.name}: {index * self.block / path.stat().st_size:.0%}")
            address = container.address(name, comp="block", blockid=named[-1])
            self._written(container, self._sent("PUT", address, container, block, {}))
        listed = "".join(f"<Latest>{block}</Latest>" for block in named)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
        self._written(container, self._sent("PUT", container.address(name, comp="blocklist"), container, body, {}))

    def _written(self, container: Container, answer: Response) -> None:
        if answer.status not in _CREATED:
            raise _refused(container, answer)

    def _sent(
        self, method: str, url: str, container: Container, content: bytes | None, headers: Mapping[str, str]
    ) -> Response:
        """Return the answer, after as many tries as are worth it: a blob may be written twice, it is the same."""
        attempt = 1
        while True:
            answer = self._tried(method, url, {**headers, **container.headers()}, content)
            wait = pause("PUT", answer, attempt, self.patience, self.arm.clock.now())
            if wait is None:
                return answer or Response(0)
            self.arm.clock.wait(wait)
            attempt += 1

    def _tried(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Response | None:
        import requests

        self._session = self._session or requests.Session()
        sent = {"x-ms-version": _VERSION, **headers}
        try:
            answer = self._session.request(method, url, headers=sent, data=content, timeout=300, allow_redirects=False)
        except requests.RequestException:
            return None
        return Response(answer.status_code, {name.lower(): value for name, value in answer.headers.items()})


def container_sas(account: str, container: str, key: str, now: float) -> str:
    """Return a SAS of a container for reading, creating and writing, good for a day (service SAS, version 2021-12-02).

    Source: "Create a service SAS" (Azure Storage REST API): the string to sign, field by field.
    """
    begins, ends = (datetime.fromtimestamp(now, UTC) + timedelta(hours=hours) for hours in (-1, _SAS_HOURS))
    start, end = (when.strftime("%Y-%m-%dT%H:%M:%SZ") for when in (begins, ends))
    place = f"/blob/{account}/{container}"
    signed = ["rcw", start, end, place, "", "", "https", _VERSION, "c", "", "", "", "", "", "", ""]
    digest = hmac.new(base64.b64decode(key), "\n".join(signed).encode(), hashlib.sha256).digest()
    told = {"sv": _VERSION, "sr": "c", "sp": "rcw", "st": start, "se": end, "spr": "https"}
    return urlencode({**told, "sig": base64.b64encode(digest).decode()})


def _files(upload: Upload, root: Path) -> Mapping[str, Path]:
    """Return files by the blobs they become. Raises SpecError where they are not those that were planned."""
    content = model_content(upload.path, root)
    if content.sha256 != upload.sha256:
        raise SpecError(
            f"{upload.path.name}: its files changed while they were being deployed",
            remedy="Run again when nothing writes to them.",
        )
    place = upload.place.rstrip("/")
    if upload.path.is_file():
        return {place: upload.path}
    return {f"{place}/{name}": path for name, path in content.files.items()}


def _blocks(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(size):
            yield block


def _refused(container: Container, answer: Response) -> SluiceError:
    """Return the error of a storage account's refusal; its address has no secret, the query is left out."""
    code = answer.headers.get("x-ms-error-code", "")
    if answer.status in {401, 403}:
        return AccessDenied(
            f"{container.url}: the login may not write there ({code or f'HTTP {answer.status}'})",
            remedy="Ask for the role Storage Blob Data Contributor on the workspace's storage account; if the account"
            " is closed to this network, run where it is open.",
        )
    why = code or (f"HTTP {answer.status}" if answer.status else "no answer")
    return AzureFailed(
        f"{container.url}: the files could not be uploaded: {why}",
        remedy="Check the network, then run it again: what is there already is not sent again.",
        status=answer.status,
        arm_code=code,
    )
