"""Counting a build: few lines, rising, and the last one says it is done."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluice.engine.go_build import Countdown
from sluice.engine.processes import without_credentials


@given(total=st.integers(1, 3000), more=st.integers(0, 50))
def test_at_most_twenty_lines_and_the_last_is_whole(total: int, more: int) -> None:
    count = Countdown("engine", total)
    lines = [line for line in (count.one_more() for _ in range(total + more)) if line]
    assert 1 <= len(lines) <= 20
    assert lines[-1] == f"engine: {total} of {total} (100 %), linking"
    assert len(set(lines)) == len(lines)


@given(st.from_regex(r"[a-z]+", fullmatch=True), st.from_regex(r"[A-Za-z0-9:%!]+", fullmatch=True))
def test_no_credentials_of_a_proxy_are_shown(host: str, secret: str) -> None:
    said = without_credentials(f"Get https://{secret}@{host}.invalid/x: 403")
    assert said == f"Get https://{host}.invalid/x: 403"


def test_other_text_stays() -> None:
    text = "module a@v1.0.0 // see b@v2"
    assert without_credentials(text) == text
