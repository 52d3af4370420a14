"""Where Azure is reached, and one login for all who ask: the public cloud, unless the environment names another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

from sluice.errors import UsageError
from sluice.targets.azure.arm import PUBLIC_CLOUD, ArmClient
from sluice.targets.azure.credentials import MANAGEMENT, AccessToken, Credential, default_credential
from sluice.targets.azure.patience import Clock, WallClock

_VARIABLES: Final = {"arm": "SLUICE_AZURE_ARM", "vaults": "SLUICE_AZURE_VAULTS", "blobs": "SLUICE_AZURE_BLOBS"}
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_EARLY_S: Final = 300


@dataclass(frozen=True)
class Cloud:
    """Addresses of a cloud.

    Attributes:
        arm: of Azure Resource Manager.
        vaults: of a key vault, with `{vault}` for its name.
        blobs: of a storage account, with `{account}`; empty where the workspace's datastore says it.
    """

    arm: str = PUBLIC_CLOUD
    vaults: str = "https://{vault}.vault.azure.net"
    blobs: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Cloud:
        """Return the cloud that SLUICE_AZURE_ARM, SLUICE_AZURE_VAULTS and SLUICE_AZURE_BLOBS name.

        Raises UsageError for an address that is not `https`: a login is shown there.
        """
        named = {key: environ[variable].rstrip("/") for key, variable in _VARIABLES.items() if environ.get(variable)}
        for key, address in named.items():
            where = urlsplit(address)
            if where.scheme != "https" and where.hostname not in _LOOPBACK:
                raise UsageError(f"{_VARIABLES[key]}: {address} is no https address", remedy="Write https://...")
        return cls(**named)

    @property
    def vault_scope(self) -> str:
        """Return the audience of tokens for key vaults: that of the cloud, not of one vault."""
        return self.vaults.replace("{vault}.", "").partition("/{vault}")[0] + "/.default"


@dataclass
class KeptLogin:
    """A credential that keeps its tokens: tools' logins (az) start a process for each. Threads may share it.

    `source` finds whatever login there is, at the first token.
    """

    now: Callable[[], float]
    source: Callable[[], Credential] = default_credential
    _credential: Credential | None = field(default=None, repr=False)
    _held: dict[tuple[str, ...], AccessToken] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token for `scopes` that is good for minutes yet; with options (claims), always a new one."""
        with self._lock:
            held = self._held.get(scopes)
            if options or held is None or held.expires_on - _EARLY_S < self.now():
                self._credential = self._credential or self.source()
                held = self._held[scopes] = self._credential.get_token(*scopes, **options)
            return held


@cache
def login() -> KeptLogin:
    """Return the login of this process."""
    return KeptLogin(WallClock().now)


def connect(cloud: Cloud, clock: Clock | None = None, report: Callable[[str], None] | None = None) -> ArmClient:
    """Return a client of ARM, as whoever is logged in here. Nothing is asked before it is used.

    Args:
        cloud: which one.
        clock: what it waits by; wall time unless told.
        report: takes a line a step of what takes long.
    """
    scope = MANAGEMENT if cloud.arm == PUBLIC_CLOUD else f"{cloud.arm}/.default"
    told = report or (lambda _line: None)
    return ArmClient(_Scoped(login(), scope), cloud.arm, clock=clock or WallClock(), report=told)


@dataclass(frozen=True)
class _Scoped:
    """A login whose tokens are for one audience, whoever asks: ARM's differs from cloud to cloud."""

    login: KeptLogin
    scope: str

    def get_token(self, *_scopes: str, **options: Any) -> AccessToken:
        return self.login.get_token(self.scope, **options)
