"""Recommend books: `{"wish": "...", "count": 2}` is answered by the titles that fit best."""

import json
import os
import re
from pathlib import Path

from rank_bm25 import BM25Okapi

BOOKS = []
RANKING = []


def words(text):
    """Return the words of a text, in lower case."""
    return re.findall(r"[a-z0-9]+", text.lower())


def init():
    """Read the shelf: a model's own folder lies below AZUREML_MODEL_DIR."""
    shelf = Path(os.environ["AZUREML_MODEL_DIR"]) / "shelf" / "books.jsonl"
    BOOKS.extend(json.loads(line) for line in shelf.read_text(encoding="utf-8").splitlines())
    RANKING.append(BM25Okapi([words(f"{book['title']} {book['about']}") for book in BOOKS]))


def run(data):
    """Return the best titles, best first."""
    request = json.loads(data)
    scores = RANKING[0].get_scores(words(request["wish"]))
    best = sorted(range(len(BOOKS)), key=lambda number: -scores[number])
    return {"books": [BOOKS[number]["title"] for number in best[: request.get("count", 1)]]}
