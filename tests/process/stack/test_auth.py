"""Who may ask: keys and tokens at the door, and one taking the other's place under running replicas."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from projects import QUESTION, Answer, Project, bearer, lent, post, wait_until

pytestmark = [pytest.mark.process, pytest.mark.engine]

ENDPOINT = "endpoints/qa/endpoint.yaml"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The example with blue alone, up."""
    with lent(tmp_path_factory.mktemp("auth") / "p") as project:
        for name in ("endpoints/qa/green.yaml", "models/qa-green.yaml"):
            (project.root / name).unlink()
        project.must("up", "--yes")
        yield project


def keys(project: Project) -> dict[str, str]:
    found: dict[str, str] = json.loads(project.must("keys", "show", "--json"))
    return found


def shown(project: Project, headers: dict[str, str]) -> Answer:
    return post(project.port(), QUESTION, headers)


def refused(project: Project, headers: dict[str, str]) -> bool:
    """Tell whether the door stays shut, with status 401 and a reason."""
    answer = shown(project, headers)
    return answer.status == 401 and answer.json()["error"]["code"] == "Unauthorized"


@pytest.mark.parametrize("headers", [{}, {"authorization": ""}, bearer(""), bearer("wrong"), {"authorization": "key"}])
def test_without_a_key_the_door_stays_shut(library: Project, headers: dict[str, str]) -> None:
    assert refused(library, headers)


def test_a_key_opens_only_as_a_bearer_and_whole(library: Project) -> None:
    key = library.key()

    assert shown(library, bearer(key)).status == 200
    for headers in ({"authorization": key}, {"authorization": f"Basic {key}"}, bearer(key[:-1]), bearer(key + "x")):
        assert refused(library, headers)


def test_a_regenerated_key_shuts_out_the_old_one_and_only_that(library: Project) -> None:
    before = keys(library)

    library.must("keys", "regenerate", "primary", "--yes")

    after = keys(library)
    assert after["secondaryKey"] == before["secondaryKey"]
    assert refused(library, bearer(before["primaryKey"]))
    assert shown(library, bearer(after["primaryKey"])).status == 200
    assert shown(library, bearer(after["secondaryKey"])).status == 200
    done = library.call("preview", "--expect-no-changes")
    assert done.returncode == 0, done.stdout + done.stderr
    library.must("up", "--yes")
    assert keys(library) == after


def test_an_endpoint_with_keys_gives_no_tokens(library: Project) -> None:
    done = library.call("token")

    assert done.returncode == 1
    assert "it takes keys, not tokens" in done.stderr
    assert "sluice keys show" in done.stderr


def test_tokens_take_the_place_of_keys_and_no_replica_notices(library: Project) -> None:
    before, replicas = keys(library), library.deployment("blue")["replicas"]
    library.edit(ENDPOINT, "auth_mode: key", "auth_mode: aml_token")
    library.must("up", "--yes")

    assert library.deployment("blue")["replicas"] == replicas
    token = json.loads(library.must("token", "--json"))["accessToken"]
    assert shown(library, bearer(token)).status == 200
    assert '"answer"' in library.must("invoke", QUESTION)
    for headers in ({}, *map(bearer, (before["primaryKey"], "wrong", f"{token}x", forged(token, before)))):
        assert refused(library, headers)
    expiring = library.must("token", "--lifetime", "1").strip()
    wait_until(lambda: refused(library, bearer(expiring)), 15)
    for verb in (("show",), ("regenerate", "primary", "--yes")):
        done = library.call("keys", *verb)
        assert done.returncode == 1
        assert "auth_mode aml_token: it takes tokens, not keys" in done.stderr
        assert "sluice token" in done.stderr

    library.edit(ENDPOINT, "auth_mode: aml_token", "auth_mode: key")
    library.must("up", "--yes")

    assert library.deployment("blue")["replicas"] == replicas
    assert keys(library) == before
    assert shown(library, bearer(before["primaryKey"])).status == 200
    assert refused(library, bearer(token))


def forged(token: str, known: dict[str, str]) -> str:
    """Return a token with the same claims, signed with a key that callers once had."""
    import jwt

    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, known["primaryKey"], algorithm="HS256")
