"""From environments to images: which form, which Dockerfile, which packages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from sluice.errors import SpecError
from sluice.images.conda import conda_files, conda_packages
from sluice.images.context import UserContext, sealed
from sluice.images.dockerfile import pinned
from sluice.images.lock import read_lock
from sluice.images.plan import (
    FLOW_RUNTIME,
    Details,
    Form,
    Wish,
    conda_plan,
    dockerfile_base,
    dockerfile_plan,
    has_conda,
    image_wish,
    package_plan,
    repository_name,
    tool_files,
)
from sluice.spec.frozen import frozen_map
from sluice.spec.models import Build, Environment, Flow, ModelContent

EnvironmentOf = Callable[..., Environment]
LockOf = Callable[..., str]
Tree = Callable[..., Path]
OPENMPI = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest"
SOURCE = Path("flows/qa/requirements.txt")
DIGEST = "sha256:" + "a" * 64


def flow_content(*requirements: str, image: str | None = None) -> ModelContent:
    flow = Flow(Path("flow.dag.yaml"), requirements=requirements, requirements_file=SOURCE, image=image)
    return ModelContent("0", frozen_map(), flow)


def test_an_image_alone_is_ready(environment: EnvironmentOf) -> None:
    assert image_wish(environment(image="a:1"), None) == Wish(Form.READY, "a:1")
    assert image_wish(None, flow_content(image="a:1")) == Wish(Form.READY, "a:1")


def test_a_flows_packages_go_on_the_environments_image(environment: EnvironmentOf) -> None:
    wish = image_wish(environment(image="a:1"), flow_content("httpx", image="b:1"))
    assert wish == Wish(Form.PACKAGES, "a:1", ("httpx",), SOURCE)


def test_just_requirements_go_on_the_default_base() -> None:
    assert image_wish(None, flow_content("httpx")).base == FLOW_RUNTIME
    assert image_wish(None, flow_content("httpx"), default_base="mine:1").base == "mine:1"
    assert image_wish(None, flow_content("httpx", image="b:1")).base == "b:1"


def test_no_image_and_no_packages_is_a_server_on_the_default_base() -> None:
    assert image_wish(None, None).form is Form.PACKAGES


def test_a_build_context_is_the_users_own(environment: EnvironmentOf) -> None:
    wish = image_wish(environment(build=Build(Path("x"))), flow_content("httpx"))
    assert wish.form is Form.DOCKERFILE


@pytest.mark.parametrize(
    ("image", "conda", "brought", "form"),
    [
        (OPENMPI, ("numpy=1.26",), (), Form.CONDA),
        (OPENMPI, (), (), Form.PACKAGES),
        ("python:3.11", ("numpy=1.26",), (), Form.PACKAGES),
        (OPENMPI, ("numpy=1.26",), ("httpx",), Form.PACKAGES),
    ],
)
def test_conda_where_the_base_has_it_and_only_then(
    environment: EnvironmentOf, image: str, conda: tuple[str, ...], brought: tuple[str, ...], form: Form
) -> None:
    asked = environment(image=image, conda_file=Path("c.yaml"), requirements=("numpy==1.26.*",), python_version="3.10")
    wish = image_wish(asked, flow_content(*brought) if brought else None, conda)
    assert wish.form is form
    assert wish.python_version == "3.10"


def test_an_mlflow_models_packages_count_where_the_environment_has_none(environment: EnvironmentOf) -> None:
    content = ModelContent("0", frozen_map({"requirements.txt": SOURCE}), None, ("mlflow",))
    assert image_wish(environment(image="a:1"), content).requirements == ("mlflow",)
    assert image_wish(environment(image="a:1", requirements=("x",)), content).requirements == ("x",)


def details(**fields: object) -> Details:
    return Details("qa/blue", **fields)  # type: ignore[arg-type]


def test_locked_packages_on_any_image(lock_of: LockOf, snapshot: SnapshotAssertion) -> None:
    wish = Wish(Form.PACKAGES, "python:3.11-slim", ("httpx", "numpy"), SOURCE)
    plan, manifest = package_plan(wish, read_lock(lock_of()), {}, details(digest=DIGEST))
    assert plan.dockerfile == snapshot
    assert manifest.packages["promptflow"] == "1.18.5"
    assert plan.labels["org.opencontainers.image.base.digest"] == DIGEST
    assert plan.base == f"python:3.11-slim@{DIGEST}"


def test_locked_packages_on_a_serving_image(lock_of: LockOf, snapshot: SnapshotAssertion) -> None:
    wish = Wish(Form.PACKAGES, FLOW_RUNTIME, ("httpx", "numpy"), SOURCE)
    plan, manifest = package_plan(wish, read_lock(lock_of()), {}, details(serves=True, bytecode=False))
    assert plan.dockerfile == snapshot
    assert "promptflow" not in manifest.packages
    assert not any(b"promptflow" in one for one in plan.files.values() if isinstance(one, bytes))


def test_no_dockerfile_of_ours_pulls_a_frontend_or_holds_an_index(lock_of: LockOf) -> None:
    wish = Wish(Form.PACKAGES, "a:1", ("httpx", "-i https://{private}@feed/s"), SOURCE)
    text = package_plan(wish, read_lock(lock_of()), {}, details())[0].dockerfile
    assert "syntax=" not in text
    assert "feed" not in text
    assert "http" not in text


def test_a_conda_environment(tree: Tree, snapshot: SnapshotAssertion) -> None:
    names = {
        "conda.yaml": "dependencies:\n- python=3.10\n- pip\n- numpy=1.26\n- pip:\n  - -r a/r.txt\n",
        "a/r.txt": "x",
    }
    file = tree(names) / "conda.yaml"
    assert conda_packages(file) == ("numpy=1.26",)
    plan, _ = conda_plan(Wish(Form.CONDA, OPENMPI, ("x",), file), conda_files(file), details())
    assert plan.dockerfile == snapshot
    assert set(plan.files) == {"conda.yaml", "a/r.txt"}


def test_conda_files_hold_what_is_beside_them_only(tree: Tree) -> None:
    file = tree({"conda.yaml": "dependencies:\n- pip:\n  - -r ../r.txt\n"}) / "conda.yaml"
    (file.parent.parent / "r.txt").write_text("x")
    with pytest.raises(SpecError, match="not in the conda file's folder"):
        conda_files(file)


def test_conda_with_a_private_feed_is_refused() -> None:
    with pytest.raises(SpecError, match="private feed"):
        conda_plan(Wish(Form.CONDA, OPENMPI, ("-i https://{private}@f/s",), Path("c.yaml")), {}, details())


def test_the_users_own_dockerfile_stays_as_it_is() -> None:
    context = UserContext("FROM a:1 AS b\nFROM b\n", {"Dockerfile": b"FROM a:1 AS b\nFROM b\n"})
    plan, manifest = dockerfile_plan(context, {"Dockerfile": "0"}, details())
    assert (plan.dockerfile, plan.base) == (context.dockerfile, "a:1")
    assert manifest.files == {"Dockerfile": "0"}
    assert len(sealed(plan).context_hash) == 64


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("FROM a:1\n", "a:1"),
        ("from --platform=linux/amd64 a:1 as build\nRUN x\nFROM b:2\n", "b:2"),
        ("ARG X=1\nFROM a:$X\n", None),
        ("FROM scratch\n", None),
        ("RUN FROM\n", None),
        ("FROM a AS one\nFROM one AS two\nFROM two\n", "a"),
        ("FROM a AS a\nFROM a\n", "a"),
    ],
)
def test_the_base_of_a_dockerfile(text: str, base: str | None) -> None:
    assert dockerfile_base(text) == base


@pytest.mark.parametrize("written", ["", "a b", "a\nRUN x", "-x", "a@sha256:1", "$X"])
def test_what_can_be_no_reference_gets_into_no_dockerfile(written: str) -> None:
    with pytest.raises(SpecError, match="is no image reference"):
        pinned(written, None)


def test_a_reference_with_a_digest_keeps_it() -> None:
    assert pinned(f"a:1@{DIGEST}", "sha256:" + "b" * 64) == f"a:1@{DIGEST}"
    assert pinned("a:1", DIGEST) == f"a:1@{DIGEST}"


def test_names_of_repositories() -> None:
    assert repository_name("QA_Endpoint", "blue") == "qa-endpoint/blue"
    assert repository_name("--") == "image"


def test_images_that_have_conda() -> None:
    assert has_conda(OPENMPI)
    assert has_conda("docker.io/continuumio/miniconda3:latest")
    assert not has_conda("python:3.11")


def test_tools_are_the_steps_and_uv(tmp_path: Path) -> None:
    found = tool_files({"x86_64": tmp_path / "uv"})
    assert set(found) == {"tools/install.sh", "tools/prepare.sh", "tools/uv-x86_64"}
    assert b"--require-hashes" in found["tools/install.sh"]  # type: ignore[operator]
