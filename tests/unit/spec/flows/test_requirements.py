from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement, Requirement

from sluice.spec.rules.flow_requirements import private_feeds, requirement_lines, requirements_findings


def found(tmp_path: Path, content: str) -> list[str]:
    path = tmp_path / "requirements.txt"
    path.write_text(content, encoding="utf-8")
    return [f"{one.severity} {one.at.line}:{one.at.column} {one.code}" for one in requirements_findings(path, tmp_path)]


@pytest.mark.parametrize(
    "line",
    [
        "promptflow", "promptflow-tools", "promptflow[azure]", "promptflow>=1.11.0", "promptflow-vectordb==0.2",
        "numpy", "numpy==1.26.4", "numpy == 1.26.*", "numpy>=1,<2", "numpy (>=1)", "numpy~=1.2", "numpy!=1.5,>1",
        "numpy>=1,", "pytz==2013b", "x===anything", "torch==2.1.0+cu118", "x==1!2.0.post1.dev3", "x==1.0rc1",
        "x [a, b] >= 1 ; y",
        'tomli; python_version < "3.11"', "x @ https://host/x.whl", "x @ git+https://host/x.git@main",
        "git+https://host/x.git#egg=x", "https://host/x-1.0-py3-none-any.whl", "./package", "-e ./package", "-e .",
        "-i https://{private}@pkgs.dev.azure.com/f/simple/", "--extra-index-url=https://host/simple", "--pre",
        "x==1 --hash=sha256:00", "x==${VERSION}", "{{ package }}==1", "# only words", "numpy # words",
        "-i https://${TOKEN}@host/simple", "-c https://host/constraints.txt", "", "   ",
    ],
)  # fmt: skip
def test_lines_that_can_be_installed(tmp_path: Path, line: str) -> None:
    assert found(tmp_path, line + "\n") == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("promptflow==1.10.0", "error 1:1 pinned-runtime"),
        ("promptflow[azure] == 1.10.0  # ours", "error 1:1 pinned-runtime"),
        ("PromptFlow_Tools==1.0", "error 1:1 pinned-runtime"),
        ("promptflow===1.0", "error 1:1 pinned-runtime"),
        ("promptflow @ https://user:token@host/promptflow.whl", "error 1:1 pinned-runtime"),
        ("promptflow==1.*", "warning 1:1 pinned-runtime"),
        ("promptflow~=1.1", "warning 1:1 pinned-runtime"),
        ("promptflow>=1,<2", "warning 1:1 pinned-runtime"),
        ("./dist/mine-1.0-py3-none-any.whl", "error 1:1 local-wheel"),
        ("mine-1.0-py3-none-any.whl", "error 1:1 local-wheel"),
        ("mine @ file:///wheels/mine.whl", "error 1:1 local-wheel"),
        ("file:mine", "error 1:1 local-wheel"),
        ("-e mine.whl", "error 1:1 local-wheel"),
        ("numpy=1.2", "error 1:1 requirement"),
        ("numpy==", "error 1:1 requirement"),
        ("numpy==latest", "error 1:1 requirement"),
        ("numpy 1.2", "error 1:1 requirement"),
        ("  numpy>>1", "error 1:3 requirement"),
        ("numpy pandas", "error 1:1 requirement"),
        ("[extra]", "error 1:1 requirement"),
        ("numpy[", "error 1:1 requirement"),
        ("==1", "error 1:1 requirement"),
        ("--indx https://host", "warning 1:1 requirement"),
        ("-r other.txt", "error 1:1 missing-file"),
        ("-c constraints.txt", "error 1:1 missing-file"),
    ],
)
def test_lines_that_cannot(tmp_path: Path, line: str, expected: str) -> None:
    assert found(tmp_path, line + "\n") == [expected]


def test_lines_of_included_files_stand_in_their_own_file(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "base.txt").write_text("numpy\nnumpy==\n-r ../requirements.txt\n")
    (tmp_path / "requirements.txt").write_text("-r more/base.txt\n")

    (one,) = requirements_findings(tmp_path / "requirements.txt", tmp_path)

    assert str(one.at) == "more/base.txt:2:1"


def test_continued_lines_begin_where_they_begin(tmp_path: Path) -> None:
    assert found(tmp_path, "numpy \\\n  >=1\n\nbad \\\n  one\n") == ["error 4:1 requirement"]


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"numpy\n\xff\n")

    (one,) = requirements_findings(tmp_path / "requirements.txt", tmp_path)

    assert one.severity == "error"


@pytest.mark.parametrize(
    "line",
    ["-i https://me:{}@host/s/", "--index-url=https://{}@host/s/", "--extra-index-url https://me:a@{}@host/s/ numpy"],
)
def test_a_credential_in_the_address_of_an_index_is_told_and_not_shown(tmp_path: Path, line: str) -> None:
    (tmp_path / "requirements.txt").write_text(line.format("not-to-be-shown") + "\n")
    (one,) = requirements_findings(tmp_path / "requirements.txt", tmp_path)
    assert (one.severity, one.code) == ("warning", "feed-credential")
    assert "index on host holds" in one.message
    assert "not-to-be-shown" not in one.message + one.remedy


def test_no_token_is_shown(tmp_path: Path) -> None:
    lines = (
        "promptflow @ https://{}@host/x",
        "not a line https://{}@host",
        "--odd https://{}",
        "--index-url:https://me:{}@host",
        "-jhttps://{}",
        "-jghp_{}",
        "me:{}@host.name/simple",
        "//me:{}@host/simple/",
        "token={}",
        "my-api-key={}",
        "-r needs.txt?sig={}",
        "numpy==1.0; https://me:{}@host",
    )
    (tmp_path / "requirements.txt").write_text("\n".join(lines).format(*["not-to-be-shown"] * len(lines)) + "\n")

    found_ = requirements_findings(tmp_path / "requirements.txt", tmp_path)

    assert len(found_) == 9  # paths and addresses are the others
    assert "not-to-be-shown" not in "".join(one.message + one.remedy for one in found_)


def test_private_feeds_have_their_place(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n--index-url https://{private}@feed/simple\n")

    lines = requirement_lines(tmp_path / "requirements.txt", tmp_path)

    assert [str(line.at) for line in private_feeds(lines)] == ["requirements.txt:2:1"]
    assert [(line.option, line.value) for line in lines] == [
        (None, ""),
        ("--index-url", "https://{private}@feed/simple"),
    ]


NAMES = st.sampled_from(["numpy", "a", "A-b", "a.b_c", "a-", "-a", "é", "a1"])
EXTRAS = st.sampled_from(["", "[x]", "[x, y]", "[]", "[x", " [x-y] ", "[,]"])
OPERATORS = st.sampled_from(["==", ">=", "<=", "<", ">", "!=", "~=", "===", "=", "=>", ""])
VERSIONS = st.sampled_from(
    ["1", "1.0", "1.0.*", "1!2", "v1.0", "1.0a1", "1.0.post2", "1.0-1", "1.0.dev0", "1.0+local.1", "x", "", "1..0"]
)
CLAUSES = st.builds(
    lambda operator, space, version: operator + space + version, OPERATORS, st.sampled_from(["", " "]), VERSIONS
)
LINES = st.builds(
    lambda name, extras, clauses, marker: name + extras + ",".join(clauses) + marker,
    NAMES,
    EXTRAS,
    st.lists(CLAUSES, max_size=2),
    st.sampled_from(["", "; python_version < '3'"]),
)


@given(LINES)
def test_what_packaging_takes_is_taken(tmp_path_factory: pytest.TempPathFactory, line: str) -> None:
    try:
        Requirement(line)
    except InvalidRequirement:
        return  # pip versions differ in what they refuse: only the other direction is promised
    assert found(tmp_path_factory.mktemp("r"), line) == []


@given(st.text(max_size=60))
def test_any_text_gives_a_result(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    found(tmp_path_factory.mktemp("r"), content.encode("utf-8", "replace").decode())
