"""Secrets of Azure Key Vault, read by whoever is logged in here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from sluice.errors import AccessDenied, SecretMissing, SluiceError, SpecError
from sluice.spec.terms import SecretReference
from sluice.targets.azure.cloud import Cloud
from sluice.targets.azure.credentials import Credential, Tokens
from sluice.targets.azure.errors import AzureFailed, AzureLogin
from sluice.targets.azure.patience import Clock, Patience, WallClock, pause
from sluice.targets.azure.refusals import said
from sluice.targets.azure.transport import HttpSend, NoAnswer, Request, Response, Send

_VERSION: Final = "7.4"


@dataclass
class Vaults:
    """Reads secrets, each once.

    Attributes:
        cloud: where vaults are.
        login: the login.
    """

    cloud: Cloud
    login: Credential = field(repr=False)
    send: Send = field(default_factory=HttpSend)
    clock: Clock = field(default_factory=WallClock)
    patience: Patience = field(default_factory=lambda: Patience(attempts=4))
    _known: dict[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, reference: SecretReference) -> str:
        """Return the value of `VAULT/NAME` or `VAULT/NAME/VERSION`.

        Raises SpecError for another form, SecretMissing for a secret that is not there, AccessDenied for one that may
        not be read, AzureLogin, and AzureFailed for a vault that does not answer.
        """
        if reference.name not in self._known:
            self._known[reference.name] = self._read(reference)
        return self._known[reference.name]

    def _read(self, reference: SecretReference) -> str:
        vault, _, name = reference.name.partition("/")
        if not vault or not name or name.count("/") > 1:
            raise SpecError(
                f"${{keyvault:{reference.name}}} names no secret of a vault",
                remedy="Write ${keyvault:VAULT/NAME}.",
                at=reference.at,
            )
        url = f"{self.cloud.vaults.format(vault=vault)}/secrets/{name}?api-version={_VERSION}"
        answer = self._answer(url, vault, reference)
        if answer.status >= 400:
            raise _refused(answer, vault, name, reference)
        return _value(answer.body, reference)

    def _answer(self, url: str, vault: str, reference: SecretReference) -> Response:
        attempt = 1
        while True:
            answer = self._sent(url)
            wait = pause("GET", answer, attempt, self.patience, self.clock.now())
            if wait is not None:
                self.clock.wait(wait)
                attempt += 1
            elif answer is None:
                raise AzureFailed(
                    f"${{keyvault:{reference.name}}}: vault {vault} does not answer",
                    remedy="Check its name, and the network: a vault may be closed to all but some networks.",
                )
            else:
                return answer

    def _sent(self, url: str) -> Response | None:
        token = Tokens(self.clock.now, self.login, self.cloud.vault_scope).token()
        try:
            return self.send(Request("GET", url, {"Authorization": f"Bearer {token}"}))
        except NoAnswer:
            return None


def _value(body: Any, reference: SecretReference) -> str:
    value = body.get("value") if isinstance(body, dict) else None
    if not value:
        raise SecretMissing(
            f"${{keyvault:{reference.name}}} is empty", remedy="Set the secret's value.", at=reference.at
        )
    return str(value)


def _refused(answer: Response, vault: str, name: str, reference: SecretReference) -> SluiceError:
    code, message = said(answer.body)
    what = f"${{keyvault:{reference.name}}}"
    if answer.status == 401:
        return AzureLogin(f"{what}: vault {vault} does not take the login", remedy="Log in again: az login.")
    if answer.status == 403:
        return AccessDenied(
            f"{what}: the login may not read secrets of vault {vault}: {message}",
            remedy=f"Ask for the role Key Vault Secrets User on vault {vault} (or, where it has access policies: get"
            " secrets). If the vault is closed to this network, run where it is open.",
            at=reference.at,
        )
    if answer.status == 404:
        return SecretMissing(
            f"{what} is not there: vault {vault} has no secret {name}",
            remedy=f"Set it: az keyvault secret set --vault-name {vault} --name {name.partition('/')[0]} --file FILE",
            at=reference.at,
        )
    return AzureFailed(f"{what}: {code or f'HTTP {answer.status}'}: {message}", status=answer.status, arm_code=code)
