"""Headers and addresses that look as if they held a secret in the open."""

from __future__ import annotations

import re

_HEADER = re.compile(r"authorization|cookie|(^|[-_])(key|token|secret|password|signature)$|api-?key", re.IGNORECASE)
# Incoming webhooks are secret as a whole (Slack, Teams); elsewhere user and password, or a key in the query.
_ADDRESS = re.compile(
    r"//hooks\.slack\.com/|//[^/?#]*\.(office|logic\.azure|powerautomate|powerplatform)\.com[:/]|//[^/?#\s]+:[^/?#\s]*@"
    r"|[?&](sig|key|token|code|secret|password|api[-_]?key|access[-_]?token)=[^&\s$]",
    re.IGNORECASE,
)


def secret_header(name: str) -> bool:
    """Tell whether the value of the header `name` is likely a secret: `Authorization`, `api-key`, `X-Token`."""
    return bool(_HEADER.search(name))


def secret_address(address: str) -> bool:
    """Tell whether an address is likely a secret: an incoming webhook, or one with a password or key in it."""
    return bool(_ADDRESS.search(address))
