from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import SpecError, SpecFileError
from sluice.spec.content import content_hash, model_content

NAMES = st.text(alphabet="abcXYZ._-é", min_size=1, max_size=8).filter(lambda name: name.strip(".") != "")
FOLDERS = st.dictionaries(NAMES, st.binary(max_size=20), min_size=1, max_size=5)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@given(files=FOLDERS)
def test_order_time_and_place_do_not_count(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    base = tmp_path_factory.mktemp("hash")
    first = write(base / "one" / "model", files)
    second = write(base / "two" / "elsewhere", dict(reversed(files.items())))
    for path in second.iterdir():
        os.utime(path, (1, 1))

    assert model_content(first).sha256 == model_content(second).sha256


@given(files=FOLDERS, extra=st.binary(min_size=1, max_size=3))
def test_names_and_bytes_count(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], extra: bytes) -> None:
    folder = write(tmp_path_factory.mktemp("hash") / "model", files)
    before = model_content(folder).sha256
    name = next(iter(files))

    (folder / name).write_bytes(files[name] + extra)
    changed = model_content(folder).sha256
    (folder / name).write_bytes(files[name])
    (folder / name).rename(folder / (name + "2"))

    assert len({before, changed, model_content(folder).sha256}) == 3


def test_the_order_of_names_does_not_count(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    files = {name: tmp_path / name for name in ("a", "b")}

    assert content_hash(files) == content_hash(dict(reversed(files.items())))


def test_the_executable_bit_counts(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    path.write_text("echo")
    path.chmod(0o644)
    before = content_hash({"run.sh": path})
    path.chmod(0o755)

    assert content_hash({"run.sh": path}) != before


def test_the_hash_is_the_same_on_every_machine(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\n")
    (tmp_path / "a.txt").chmod(0o644)

    # sha256 of "5:a.txt:0:<sha256 of b'a\n'>\n": a change of this value renames every model.
    assert model_content(tmp_path).sha256 == "a376284ad8cbc29be25f6dbe239d4a740bb3084df6e3d7b8dff91640d4c2b81d"


def test_a_single_file_is_a_model(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"x")

    assert dict(model_content(tmp_path / "model.pkl").files) == {"model.pkl": tmp_path / "model.pkl"}


def test_what_tools_leave_behind_is_no_content(tmp_path: Path) -> None:
    for name in ("__pycache__/a.pyc", ".git/config", ".promptflow/x", ".venv/x", ".runs/y", "sub/keep.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    assert set(model_content(tmp_path).files) == {"sub/keep.txt"}


def test_additional_includes_lie_in_the_flow_under_their_own_names(tmp_path: Path) -> None:
    (tmp_path / "shared" / "lib").mkdir(parents=True)
    (tmp_path / "shared" / "lib" / "a.py").touch()
    (tmp_path / "shared" / "b.py").touch()
    (tmp_path / "flow").mkdir()
    (tmp_path / "flow" / "flow.dag.yaml").write_text(
        "nodes: []\nadditional_includes: [../shared/lib, ../shared/b.py]\n"
    )

    content = model_content(tmp_path / "flow")

    assert set(content.files) == {"flow.dag.yaml", "lib/a.py", "b.py"}
    assert content.files["b.py"] == tmp_path / "shared" / "b.py"
    assert content.flow is not None


@pytest.mark.parametrize(
    ("include", "words"),
    [("../nowhere", "`../nowhere` does not exist"), ("../shared/flow.dag.yaml", "overwrites `flow.dag.yaml`")],
)
def test_includes_that_cannot_be(tmp_path: Path, include: str, words: str) -> None:
    for folder in ("flow", "shared"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "flow.dag.yaml").write_text(f"nodes: []\nadditional_includes:\n- {include}\n")

    with pytest.raises(SpecError, match=words) as caught:
        model_content(tmp_path / "flow", tmp_path)

    assert str(caught.value.at) == "flow/flow.dag.yaml:3:3"


def test_an_include_overwrites_what_lies_in_the_flow(tmp_path: Path) -> None:
    for folder in ("flow", "shared"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool.py").write_text(folder)
    (tmp_path / "flow" / "flow.dag.yaml").write_text("nodes: []\nadditional_includes: [../shared/tool.py]\n")

    assert model_content(tmp_path / "flow").files["tool.py"] == tmp_path / "shared" / "tool.py"


def test_an_archive_that_prompt_flow_would_make_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "flow").mkdir()
    (tmp_path / "flow" / "flow.dag.yaml").write_text("nodes: []\nadditional_includes: [../shared.zip]\n")

    with pytest.raises(SpecError, match=r"needs the archive `shared\.zip`"):
        model_content(tmp_path / "flow")

    (tmp_path / "shared.zip").write_bytes(b"zip")
    assert "shared.zip" in model_content(tmp_path / "flow").files


def test_an_include_does_not_leave_the_project(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").touch()
    (tmp_path / "project" / "flow").mkdir(parents=True)
    (tmp_path / "project" / "flow" / "flow.dag.yaml").write_text("nodes: []\nadditional_includes: [../../secret.txt]\n")

    with pytest.raises(SpecError, match="leads out of the project"):
        model_content(tmp_path / "project" / "flow", tmp_path / "project")


def test_a_circle_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "up").symlink_to(tmp_path)

    with pytest.raises(SpecError, match="a folder that holds it"):
        model_content(tmp_path)


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="does not exist"):
        model_content(tmp_path / "nowhere")


def test_an_mlflow_model_brings_the_packages_it_names(tmp_path: Path) -> None:
    files = {"MLmodel": b"flavors: {}", "requirements.txt": b"# made by mlflow\nmlflow==3.1.0\nnumpy<2\n"}

    assert model_content(write(tmp_path / "m", files)).requirements == ("mlflow==3.1.0", "numpy<2")
    assert model_content(write(tmp_path / "m", {"requirements.txt": b"numpy\n"})).requirements == ()
    assert model_content(write(tmp_path / "m", {"MLmodel": b""})).requirements == ()
    with pytest.raises(SpecFileError, match=r"requirements\.txt"):
        model_content(write(tmp_path / "m", {**files, "requirements.txt": b"\xff"}))
