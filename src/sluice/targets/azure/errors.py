"""How Azure says no, in words of ours. No message ever holds a token."""

from __future__ import annotations

from sluice.errors import SluiceError


class AzureFailed(SluiceError):
    """Azure refused, failed, or did not answer. `status` is HTTP's (0: no answer), `arm_code` ARM's own word."""

    code = "azure-failed"

    def __init__(
        self, message: str, *, remedy: str = "", details: str = "", status: int = 0, arm_code: str = ""
    ) -> None:
        super().__init__(message, remedy=remedy, details=details)
        self.status = status
        self.arm_code = arm_code


class AzureLogin(SluiceError):
    """Nobody is logged in to Azure, or the login is not for this tenant or subscription."""

    code = "azure-login"
