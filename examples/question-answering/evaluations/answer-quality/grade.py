"""Score one answer."""

from __future__ import annotations

import re

from promptflow.core import tool


def words(text: str) -> set[str]:
    """Return the words of a text, in lower case."""
    return set(re.findall(r"[a-z0-9]+", text.lower()))


@tool
def grade(answer: str, source: str, expected: str, expected_source: str) -> dict:
    """Return whether the answer holds the expected phrase, how relevant it is (1 to 5), and whether its source fits."""
    wanted = words(expected)
    shared = len(wanted & words(answer)) / len(wanted) if wanted else 0.0
    return {
        "correct": expected.lower() in answer.lower(),
        "relevance": round(1 + 4 * shared, 2),
        "right_source": source == expected_source,
    }
