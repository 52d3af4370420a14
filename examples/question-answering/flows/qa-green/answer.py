"""Answer a question with the paragraph that BM25 ranks first."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path

from promptflow.core import tool
from rank_bm25 import BM25Okapi

LIBRARY = Path(__file__).parent / "library.jsonl"


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without the plural's s."""
    return [
        word[:-1] if len(word) > 3 and word.endswith("s") else word for word in re.findall(r"[a-z0-9]+", text.lower())
    ]


@lru_cache(maxsize=1)
def library() -> tuple[list[dict[str, str]], BM25Okapi]:
    """Return the paragraphs and their index, made once a process."""
    paragraphs = [json.loads(line) for line in LIBRARY.read_text(encoding="utf-8").splitlines()]
    return paragraphs, BM25Okapi([words(f"{item['title']} {item['text']}") for item in paragraphs])


@tool
def answer(question: str) -> dict[str, str]:
    """Return the best paragraph and its title."""
    paragraphs, index = library()
    scores = list(index.get_scores(words(question)))
    best = paragraphs[scores.index(max(scores))]
    return {"answer": best["text"], "source": best["title"]}
