"""Messages without credentials: they quote what stands in a file, and are read by many more than the file is.

What is known to be secret by its place (environment variables, credentials, secrets) is never quoted at all. This is
for what stands where nobody expects a secret: in an address, a path, a requirement, a key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

HIDDEN: Final = "…"

_NAMES = r"key|token|secret|passw(?:or)?d|pwd|signature|sig|sas|credentials?|auth|code"
_VERSION = r"v?\d{1,4}(?:\.[\w*]+)*(?![\w.+/=-])"
_FORMS: Sequence[tuple[re.Pattern[str], str]] = (
    # https://user:password@host, //token@host; user:password@host.
    (re.compile(r"(?:(?<=//)|(?<=:/))[^\s/@`'\"]+@(?=[^\s`])"), f"{HIDDEN}@"),
    (re.compile(r"[\w.+%-]+:[^\s:@/`]+@(?!sha\d+:)(?=[\w-]+[.:/])"), f"{HIDDEN}@"),
    # The values of a query or a fragment, and of what is named like a secret. `==` is a version.
    (re.compile(r"(?<=[?&#])([\w.%-]+)=(?!=)[^\s&#`]*"), rf"\1={HIDDEN}"),
    (re.compile(rf"\b([\w-]*(?:{_NAMES}))=(?!=)(?!{_VERSION})[^\s;,`]+", re.IGNORECASE), rf"\1={HIDDEN}"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    # Tokens that say what they are.
    (re.compile(r"\b(gh[pousr]_|github_pat_|glpat-|npm_|hf_|xox[abprs]-|AKIA|ASIA)[\w-]{8,}"), rf"\1{HIDDEN}"),
    (re.compile(r"\b(sk-|pypi-|eyJ)[\w-]{16,}(?:\.[\w-]+)*"), rf"\1{HIDDEN}"),
)
_LONG = re.compile(r"(?<!sha256:)(?<![A-Za-z0-9])[A-Za-z0-9]{32,}={0,2}")
_DIGITS_OF_A_KEY: Final = 6


def without_credentials(text: str) -> str:
    """Return `text` without what has the form of a credential; `…` stands in its place."""
    for form, shown in _FORMS:
        text = form.sub(shown, text)
    return _LONG.sub(_unless_a_word, text)


def _unless_a_word(found: re.Match[str]) -> str:
    """Hide a long run of letters and digits, unless it has too few digits to be made by chance."""
    run = found[0]
    digits = sum(one.isdigit() for one in run)
    return f"{run[:4]}{HIDDEN}" if _DIGITS_OF_A_KEY <= digits < len(run) else run
