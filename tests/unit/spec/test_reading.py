from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluice.errors import Mark, SpecFileError
from sluice.spec.files import validate_files
from sluice.spec.load import load_specs
from sluice.spec.nodes import mark_of, to_json
from sluice.spec.output import as_github, as_json, as_text
from sluice.spec.output_sarif import as_sarif
from sluice.spec.parse import read_node
from sluice.spec.reading import MAX_BYTES, read_text


def refused(path: Path, root: Path) -> SpecFileError:
    with pytest.raises(SpecFileError) as caught:
        read_node(path, root)
    return caught.value


@pytest.mark.parametrize(
    ("content", "line", "column", "code", "words"),
    [
        (b"", 1, 1, "empty-file", "empty"),
        (b"# only a comment\n", 1, 1, "empty-file", "empty"),
        (b"a: 1\nb: \xff\n", 2, 4, "encoding", "not UTF-8: found the byte 0xff"),
        ("ä: é\n".encode() + b"b: \xe9\n", 2, 4, "encoding", "found the byte 0xe9"),
        (b"\xef\xbb\xbfa: \xe9\n", 1, 4, "encoding", "found the byte 0xe9"),
        (b"a: \xed\xa0\x80\n", 1, 4, "encoding", "not UTF-8"),
        ("a: 1\n".encode("utf-16"), 1, 1, "encoding", "UTF-16"),
        (b"\xfe\xff" + "a: 1\n".encode("utf-16-be"), 1, 1, "encoding", "UTF-16"),
        ("a: 1\n".encode("utf-32"), 1, 1, "encoding", "UTF-32"),
        ("a: 1\n".encode("utf-16-le"), 1, 2, "control-character", "U+0000"),
        (b"a: 1\n\xef\xbb\xbfb: 2\n", 2, 1, "control-character", "U+FEFF"),
    ],
)
def test_content_that_cannot_be_read(
    tmp_path: Path, content: bytes, line: int, column: int, code: str, words: str
) -> None:
    path = tmp_path / "sub" / "f.yaml"
    path.parent.mkdir()
    path.write_bytes(content)

    error = refused(path, tmp_path)

    assert (error.at, error.code) == (Mark("sub/f.yaml", line, column), code)
    assert words in error.message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, end: str) -> None:
    (tmp_path / "f.yaml").write_text(f"a: ä{end}b: 1{end}", encoding=encoding, newline="")

    node = read_node(tmp_path / "f.yaml", tmp_path)

    assert to_json(node) == {"a": "ä", "b": 1}
    assert mark_of(node, "b") == Mark("f.yaml", 2, 1)


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    with path.open("wb") as stream:
        stream.truncate(50_000_000_000)  # a hole: reading it would take minutes

    error = refused(path, tmp_path)

    assert error.code == "file-too-large"
    assert error.message == "the file has 50,000,000,000 bytes, a specification has at most 4,194,304"


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    content = "#" * MAX_BYTES
    (tmp_path / "f.yaml").write_text(content)

    assert read_text(tmp_path / "f.yaml", "f.yaml") == content


@pytest.fixture
def listening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("socket")
        yield tmp_path / "socket"


def test_a_socket_is_no_file(listening: Path, tmp_path: Path) -> None:
    error = refused(listening, tmp_path)

    assert (error.code, error.message) == ("not-a-file", "a specification is a file, found a socket")


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    error = refused(tmp_path / "pipe", tmp_path)

    assert (error.code, error.message) == ("not-a-file", "a specification is a file, found a named pipe")


@pytest.mark.parametrize(("path", "words"), [("/", "a folder"), ("/dev/null", "a device"), ("/dev/zero", "a device")])
def test_folders_and_devices_are_no_files(path: str, words: str, tmp_path: Path) -> None:
    error = refused(Path(path), tmp_path)

    assert (error.code, error.message) == ("not-a-file", f"a specification is a file, found {words}")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "dangling.yaml").symlink_to("nowhere.yaml")
    (tmp_path / "file").touch()
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")

    found = {
        name: refused(tmp_path / name, tmp_path)
        for name in ("no.yaml", "dangling.yaml", "file/f.yaml", "loop.yaml", "n" * 300, "nul\0")
    }

    assert {name[:13]: (error.code, error.message) for name, error in found.items()} == {
        "no.yaml": ("file-not-found", "the file does not exist"),
        "dangling.yaml": ("file-not-found", "the file is a link to what does not exist"),
        "file/f.yaml": ("file-unreadable", "the file can't be read: not a directory"),
        "loop.yaml": ("file-unreadable", "the file can't be read: too many levels of symbolic links"),
        "n" * 13: ("file-unreadable", "the file can't be read: file name too long"),
        "nul\0": ("file-unreadable", "the file can't be read: its name holds a NUL character"),
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").touch(mode=0)

    error = refused(tmp_path / "f.yaml", tmp_path)

    assert (error.code, error.message) == ("file-unreadable", "the file can't be read: permission denied")


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml"))
    path.write_text("a: [")

    error = refused(path, tmp_path)

    assert str(error).startswith("\\udcff.yaml:1:4: broken YAML")


def test_every_output_can_name_a_file_whose_name_is_not_utf_8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml"))
    path.write_text("a: [")

    results = validate_files(tmp_path, [path])

    for line in (next(as_text(results, lambda text, _: text)), *as_github(results), as_json(results)):
        assert "\\udcff.yaml" in line
        assert line.encode()
    assert "%FF.yaml" in as_sarif(results, "0")


def test_a_path_the_system_refuses_is_told_of_a_project(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.yaml").write_text(f"name: m\npath: ./{'x' * 300}\n")

    found = load_specs(tmp_path).diagnostics

    assert (found[-1].code, found[-1].at) == ("file-unreadable", Mark("models/m.yaml", 2, 7))
    assert "file name too long" in found[-1].message
