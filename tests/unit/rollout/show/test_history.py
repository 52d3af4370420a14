"""Walks that have ended: lines, Markdown that stays a table whatever it holds, receipts that add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion
from walks import BAD, Walked

from sluice.rollout.files import Ended
from sluice.rollout.models import Phase
from sluice.rollout.show_history import history_lines, markdown_of, plain_history, receipt_lines, total_of
from sluice.rollout.show_words import WIDTH
from sluice.rollout.world import Tallied


@pytest.fixture
def ended(tmp_path: Path) -> Ended:
    walked = Walked(tmp_path)
    walked.reads(4, samples=BAD)
    return walked.end()


def test_as_lines(ended: Ended, snapshot: SnapshotAssertion) -> None:
    good = replace(ended, phase=Phase.DONE, says="green=100 is live", forgiven=False)
    found = history_lines([good, replace(ended, forgiven=True)], UTC)
    assert "\n".join(line.text for line in found) == snapshot
    assert max(len(line.text) for line in found) <= WIDTH


def test_as_markdown(ended: Ended, snapshot: SnapshotAssertion) -> None:
    assert markdown_of([ended, replace(ended, phase=Phase.DONE, says="", who="")]) == snapshot


def test_as_json(ended: Ended, snapshot: SnapshotAssertion) -> None:
    assert plain_history([ended]) == snapshot


def test_the_receipt(ended: Ended, snapshot: SnapshotAssertion) -> None:
    found = receipt_lines(ended)
    assert "\n".join(line.text for line in found) == snapshot
    assert max(len(line.text) for line in found) <= WIDTH


def test_a_receipt_counts_requests_that_reached_none_and_says_what_was_lost(ended: Ended) -> None:
    lossy = replace(ended, receipt={"during": {"": Tallied(3, 3, 2), "blue": Tallied(97, 1)}})
    found = "\n".join(line.text for line in receipt_lines(lossy))
    assert "lost to the switch: 2 of 100 requests" in found
    assert "reached none" in found
    assert total_of(lossy.receipt) == Tallied(100, 4, 2)


def test_without_requests_the_receipt_says_so(ended: Ended) -> None:
    assert receipt_lines(replace(ended, receipt={}))[-1].text.strip() == "no request was counted"


@given(says=st.text(), who=st.text())
def test_markdown_keeps_its_columns_whatever_is_in_it(says: str, who: str) -> None:
    ended = Ended("i", "chat", "v", "s", "blue", "green", {"blue": 100}, {"green": 100}, 0, 9, Phase.DONE, 0, says, who)
    head, *rows = markdown_of([ended]).split("\n")
    assert len(rows) == 2
    bare = [row.replace("\\\\", "").replace("\\|", "") for row in (head, *rows)]
    assert {row.count("|") for row in bare} == {9}


def test_markdown_mentions_nobody_and_holds_no_tag(ended: Ended) -> None:
    table = markdown_of([replace(ended, says="<script> @everyone #12 `x` ada@laptop")])
    assert "<script>" not in table
    assert "@everyone" not in table
    assert " #12" not in table
    assert "ada@laptop" in table
