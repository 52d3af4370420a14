"""Tokens and keys: which endpoint takes which, and what a token says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sluice.errors import Unsupported
from sluice.targets.local.endpoints import mint_token, refuse_keyless
from sluice.targets.local.envoy.desired import TokenAuth

if TYPE_CHECKING:
    from tests.unit.local.conftest import Endpoint


@given(st.floats(0, 2e9), st.integers(1, 10**6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_token_is_for_one_endpoint_until_it_ends(endpoint: Endpoint, now: float, lifetime: int) -> None:
    state = endpoint(auth_mode="aml_token")
    token, ends = mint_token(state, now, lifetime)
    assert isinstance(state.auth, TokenAuth)
    claims = jwt.decode(
        token,
        state.auth.secret,
        algorithms=["HS256"],
        audience="qa",
        issuer="sluice",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims == {"iss": "sluice", "aud": "qa", "iat": int(now), "exp": ends}
    assert ends == int(now) + lifetime


def test_whoever_knows_a_key_makes_no_token(endpoint: Endpoint) -> None:
    state = endpoint(auth_mode="aml_token")
    token, _ = mint_token(state, 0, 60)
    for key in (state.primary, state.secondary):
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(token, key, algorithms=["HS256"], audience="qa")


def test_an_endpoint_with_keys_takes_no_token_and_the_other_way_round(endpoint: Endpoint) -> None:
    with pytest.raises(Unsupported, match="takes keys, not tokens") as caught:
        mint_token(endpoint(), 0, 60)
    assert "sluice keys show --endpoint qa" in caught.value.remedy
    with pytest.raises(Unsupported, match="takes tokens, not keys") as caught:
        refuse_keyless(endpoint(auth_mode="aml_token"))
    assert "sluice token --endpoint qa" in caught.value.remedy
    refuse_keyless(endpoint())
