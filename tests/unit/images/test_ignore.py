"""`.dockerignore`: Docker's rules, checked against cases of its documentation and against git's where they agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec import PathSpec

from sluice.errors import SpecError
from sluice.images.ignore import IgnoreRules, read_rules


@pytest.mark.parametrize(
    ("text", "ignored", "kept"),
    [
        ("*/temp*", ["dir/temporary.txt", "dir/temp/x"], ["temporary.txt", "a/b/temp"]),
        ("*/*/temp*", ["a/b/temporary.txt"], ["a/temp", "a/b/c/temp"]),
        ("temp?", ["tempa", "tempb/x"], ["temp", "tempab", "a/tempa"]),
        ("**/*.go", ["a.go", "a/b/c.go"], ["a.py", "go"]),
        ("*.md\n!README.md", ["a.md"], ["README.md", "a/b.md"]),
        ("*.md\n!README*.md\nREADME-secret.md", ["README-secret.md", "a.md"], ["README.md", "README-a.md"]),
        ("*.md\nREADME-secret.md\n!README*.md", ["a.md"], ["README-secret.md"]),
        ("*\n!src\n!Dockerfile", ["a", "b/c"], ["src/a/b.py", "Dockerfile"]),
        ("docs\n!docs/api", ["docs/x", "docs/guide/y"], ["docs/api/z"]),
        ("/build/", ["build/x", "build"], ["a/build"]),
        ("./a/../b", ["b", "b/c"], ["a"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a"]),
        ("a/**/z", ["a/z", "a/b/c/z"], ["z", "b/a/z"]),
        ("**/node_modules", ["node_modules/x", "a/b/node_modules/c"], ["node_modules2"]),
        ("**.pyc", ["a.pyc", "a/b.pyc"], ["a.py"]),
        ("# a comment\n\n  spaced  ", ["spaced"], ["# a comment"]),
        ("\ufefffirst", ["first"], ["second"]),
        ("[a-c]x", ["ax", "bx/y"], ["dx"]),
        ("[^a]x", ["bx"], ["ax"]),
        (r"\*", ["*"], ["a"]),
        ("a.b", ["a.b"], ["axb"]),
        ("", [], ["a"]),
    ],
)
def test_cases_of_dockers_rules(text: str, ignored: list[str], kept: list[str]) -> None:
    rules = read_rules(text)
    assert [name for name in ignored if not rules.ignores(name)] == []
    assert [name for name in kept if rules.ignores(name)] == []


@pytest.mark.parametrize("text", ["!", "a\n! ", "[", "a[b", "x\\"])
def test_what_docker_refuses(text: str) -> None:
    with pytest.raises(SpecError, match=r"\.dockerignore, line"):
        read_rules(text)


_PART = st.sampled_from(["a", "b", "ab", "*", "a*", "?", "**"])
_LINES = st.lists(
    st.builds(lambda keep, parts: ("!" if keep else "") + "/".join(parts), st.booleans(), st.lists(_PART, min_size=1)),
    max_size=4,
)
_NAME = st.lists(st.sampled_from(["a", "b", "ab", "ba", "c"]), min_size=1, max_size=4).map("/".join)


@given(_LINES, _NAME)
def test_it_is_gits_rule_with_patterns_that_start_at_the_root(lines: list[str], name: str) -> None:
    anchored = [("!/" if line.startswith("!") else "/") + line.lstrip("!") for line in lines]
    assert read_rules("\n".join(lines)).ignores(name) == PathSpec.from_lines("gitignore", anchored).match_file(name)


@given(_LINES, _NAME)
def test_a_folder_that_is_not_read_holds_nothing_that_is_wanted(lines: list[str], name: str) -> None:
    rules = read_rules("\n".join(lines))
    if rules.prunes(name):
        assert rules.ignores(f"{name}/a")


def test_without_rules_everything_stays() -> None:
    assert not IgnoreRules().ignores("a")
