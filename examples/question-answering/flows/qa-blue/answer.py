"""Answer a question with the paragraph that shares the most words with it."""

from __future__ import annotations

import json
from pathlib import Path

from promptflow.core import tool

LIBRARY = Path(__file__).parent / "library.jsonl"


def words(text: str) -> list[str]:
    """Return the words of a text, in lower case."""
    return text.lower().split()


@tool
def answer(question: str) -> dict[str, str]:
    """Return the best paragraph and its title."""
    paragraphs = [json.loads(line) for line in LIBRARY.read_text(encoding="utf-8").splitlines()]
    asked = set(words(question))
    best = max(paragraphs, key=lambda paragraph: len(asked & set(words(paragraph["text"]))))
    return {"answer": best["text"], "source": best["title"]}
