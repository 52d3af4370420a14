"""Values that may be secret, and what may be shown of them."""

from __future__ import annotations

import pytest

from sluice.errors import SecretMissing
from sluice.rollout.works.secrets import hidden, known_secrets, place, revealed
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import Webhook
from sluice.spec.terms import SecretReference, SecretScheme


def test_a_value_is_opened_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_KEY", "of the environment")
    assert revealed("plain") == "plain"
    assert revealed(SecretReference(SecretScheme.LITERAL, "written out")) == "written out"
    assert revealed(SecretReference(SecretScheme.ENV, "HOOK_KEY")) == "of the environment"
    for scheme in (SecretScheme.ENV, SecretScheme.CONFIG, SecretScheme.KEYVAULT):
        with pytest.raises(SecretMissing, match="NOWHERE"):
            revealed(SecretReference(scheme, "NOWHERE"))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://user:password@hooks.example.com/services/T0/secret?x=secret", "hooks.example.com"),
        ("http://127.0.0.1:8080/x", "127.0.0.1:8080"),
        ("http://[::1", "the address"),
        ("http://host:port/", "the address"),
        ("", "the address"),
        ("nonsense", "the address"),
    ],
)
def test_of_an_address_its_host_is_shown(address: str, shown: str) -> None:
    assert place(address) == shown


def test_secrets_are_taken_out_of_texts() -> None:
    work = Webhook("https://h.example/services/T0/B0/abc", headers=frozen_map({"Authorization": "Bearer 0123456789"}))
    text = 'you sent {"authorization": "Bearer 0123456789"}: 0123456789 to /services/T0/B0/abc'
    assert hidden(text, known_secrets(work)) == 'you sent {"authorization": "***"}: *** to /***'
