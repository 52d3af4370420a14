"""Webhooks against a real server: yes, no, not yet, and nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from told_server import Told, Web, stopped_when

from sluice.judging.verdicts import Verdict
from sluice.rollout.works import perform
from sluice.rollout.world import Result, Scene
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import Webhook
from sluice.spec.terms import SecretReference, SecretScheme

pytestmark = [pytest.mark.process, pytest.mark.usefixtures("no_secret")]

SOON = frozen_map({"Retry-After": "0"})
TOKEN = "hook-token-0123456789"


def asked(web: Web, scene: Scene, *told: Told, **changes: Any) -> Result:
    """Ask a webhook that answers so, one after the other, the last for ever."""
    left = list(told)
    web.answering = lambda _: left.pop(0) if len(left) > 1 else left[0]
    work = Webhook(web.address("/approve"), headers=frozen_map({"X-Token": TOKEN}), timeout_s=20)
    return perform(replace(work, **changes), scene)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_yes(web: Web, scene: Scene, status: int) -> None:
    found = asked(web, scene, Told(status, b""))
    assert found.verdict is Verdict.PASS
    assert f"said yes ({status})" in found.says
    (request,) = web.requests
    assert request.json == {
        "endpoint": "chat", "stable": "blue", "green": "green", "scoring_url": scene.url, "asked": 1,
        "step": scene.step, "weights": dict(scene.weights),
    }  # fmt: skip
    assert request.headers["x-token"] == TOKEN
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers


def test_not_yet_is_asked_again(web: Web, scene: Scene) -> None:
    found = asked(web, scene, Told(202, headers=SOON), Told(202, headers=SOON), Told(200))
    assert (found.verdict, found.report["asked"]) == (Verdict.PASS, 3)
    assert [request.json["asked"] for request in web.requests] == [1, 2, 3]


def test_not_yet_for_too_long_is_no_yes(web: Web, scene: Scene) -> None:
    found = asked(web, scene, Told(202), wait_s=0.5)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "said not yet (202) for 0.5 s" in found.says


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418])
def test_no_with_its_reason(web: Web, scene: Scene, status: int) -> None:
    body = f"not {TOKEN}\n today, ".encode() + b"x" * 10_000
    found = asked(web, scene, Told(status, body))
    assert found.verdict is Verdict.FAIL
    assert f"said no ({status}): not *** today, xxx" in found.says
    assert len(found.says) < 300
    assert len(web.requests) == 1


def test_a_servers_error_is_asked_again_and_then_is_a_no(web: Web, scene: Scene) -> None:
    assert asked(web, scene, Told(503), Told(500), Told(200)).verdict is Verdict.PASS
    found = asked(web, scene, Told(503, b"down"), retries=1)
    assert found.verdict is Verdict.FAIL
    assert "said no (503): down (2 times)" in found.says


def test_a_webhook_that_hangs_is_no_answer(web: Web, scene: Scene) -> None:
    found = asked(web, scene, Told(hangs=True), timeout_s=0.3, retries=1)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "gave no answer: no answer within 0.3 s (2 times)" in found.says


def test_a_webhook_that_hangs_is_left_at_stop(web: Web, scene: Scene) -> None:
    with stopped_when(lambda: web.wait_for(1), scene.stop):
        found = asked(web, scene, Told(hangs=True), timeout_s=600)
    assert (found.verdict, "was stopped" in found.says) == (Verdict.INCONCLUSIVE, True)


def test_waiting_for_a_yes_ends_at_stop(web: Web, scene: Scene) -> None:
    with stopped_when(lambda: web.wait_for(1), scene.stop):
        found = asked(web, scene, Told(202, headers=frozen_map({"Retry-After": "60"})))
    assert (found.verdict, "was stopped" in found.says) == (Verdict.INCONCLUSIVE, True)


def test_a_redirect_is_not_followed(web: Web, scene: Scene) -> None:
    found = asked(web, scene, Told(307, headers=frozen_map({"Location": web.address("/elsewhere")})))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "redirects are not followed" in found.says
    assert {request.path for request in web.requests} == {"/approve"}


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://127.0.0.1:1/secret-path", "webhook 127.0.0.1:1 gave no answer: can't connect"),
        ("ftp://127.0.0.1/secret-path", "the address is not one of HTTP"),
        ("http://[::1/secret-path", "the address is not one of HTTP"),
    ],
)
def test_an_address_where_nobody_is(scene: Scene, address: str, says: str) -> None:
    found = perform(Webhook(address, retries=0), scene)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert says in found.says
    assert "secret-path" not in json.dumps(found.report) + found.says


def test_a_secret_that_has_no_value_here(scene: Scene) -> None:
    found = perform(Webhook(SecretReference(SecretScheme.KEYVAULT, "vault/hook")), scene)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "the secret keyvault:vault/hook has no value here" in found.says


def test_get_has_no_body(web: Web, scene: Scene) -> None:
    assert asked(web, scene, Told(), method="get").verdict is Verdict.PASS
    assert (web.requests[0].method, web.requests[0].body) == ("GET", b"")
