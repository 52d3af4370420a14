"""What only Azure has is refused on this machine before anything is made: what, why, where, and the way out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from projects import Project, lent

pytestmark = [pytest.mark.process, pytest.mark.engine]

ENDPOINT, BLUE = "endpoints/qa/endpoint.yaml", "endpoints/qa/blue.yaml"
CASES = {
    "kubernetes endpoint": (ENDPOINT, "compute: azureml:cluster", "Kubernetes"),
    "entra tokens": (ENDPOINT, "auth_mode: aad_token", "Microsoft Entra ID"),
    "private endpoint": (ENDPOINT, "public_network_access: disabled", "private network"),
    "kubernetes deployment": (BLUE, "type: kubernetes", "cluster"),
    "autoscaling": (
        BLUE,
        "type: kubernetes\nscale_settings:\n  type: target_utilization\n  min_instances: 1\n  max_instances: 2",
        "cluster",
    ),
    "private egress": (BLUE, "egress_public_network_access: disabled", "private network"),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with lent(tmp_path_factory.mktemp("azure") / "p") as project:
        yield project


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_with_reason_place_and_remedy(library: Project, case: str) -> None:
    file, text, reason = CASES[case]
    key = text.partition(":")[0]
    before = (library.root / file).read_text()
    kept = [line for line in before.splitlines() if not line.startswith(f"{key}:")]
    library.write(file, "\n".join([*kept, text, ""]))

    done = library.call("preview")

    library.write(file, before)
    assert done.returncode == 1
    assert f"error: {file}:" in done.stderr
    for words in (reason, "the local target has not", "overlay of this stack", "target: azure"):
        assert words in done.stderr, done.stderr
    assert ": create" not in done.stderr
