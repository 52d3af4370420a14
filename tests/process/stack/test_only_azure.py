"""What only Azure has is refused on this machine before anything is made: what, why, where, and the way out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from projects import Project, lent

pytestmark = [pytest.mark.process, pytest.mark.engine]

ENDPOINT, BLUE = "endpoints/qa/endpoint.yaml", "endpoints/qa/blue.yaml"
SCALED = "scale_settings:\n  type: target_utilization\n  min_instances: 1\n  max_instances: 2"
KUBERNETES = {ENDPOINT: "compute: azureml:cluster", BLUE: "type: kubernetes"}
LOCAL = ("which the local target has not", "overlay of this stack", "target: azure")
CASES = {
    "kubernetes": (ENDPOINT, KUBERNETES, ("a Kubernetes endpoint", *LOCAL)),
    "autoscaled kubernetes": (
        ENDPOINT,
        {**KUBERNETES, BLUE: f"type: kubernetes\n{SCALED}"},
        ("a Kubernetes endpoint", *LOCAL),
    ),
    "autoscaling": (BLUE, {BLUE: SCALED}, ("managed deployment", "target_utilization")),
    "entra tokens": (ENDPOINT, {ENDPOINT: "auth_mode: aad_token"}, ("Microsoft Entra ID", *LOCAL)),
    "private endpoint": (ENDPOINT, {ENDPOINT: "public_network_access: disabled"}, ("private network", *LOCAL)),
    "private egress": (BLUE, {BLUE: "egress_public_network_access: disabled"}, ("private network", *LOCAL)),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The example with blue alone, never up."""
    with lent(tmp_path_factory.mktemp("azure") / "p") as project:
        (project.root / "endpoints/qa/green.yaml").unlink()
        yield project


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_with_reason_place_and_remedy(library: Project, case: str) -> None:
    file, changes, reasons = CASES[case]
    before = {name: (library.root / name).read_text() for name in changes}
    for name, text in changes.items():
        key = text.partition(":")[0]
        kept = [line for line in before[name].splitlines() if not line.startswith(f"{key}:")]
        library.write(name, "\n".join([*kept, text, ""]))

    done = library.call("preview")

    for name, text in before.items():
        library.write(name, text)
    assert done.returncode == 1
    assert f"error: {file}:" in done.stderr
    for words in reasons:
        assert words in done.stderr, done.stderr
    assert ": create" not in done.stderr
