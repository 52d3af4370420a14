"""Find a tale for a reader's wish: `{"wish": "..."}` is answered by the title that shares most words with it.

`FAILS_OF_20` and `TAKES_MS` in the environment make it a bad one, to see a rollout stopped.
"""

import itertools
import json
import os
import re
import time

TALES = {
    "The Lighthouse at Low Tide": "a story of the sea, a storm and a keeper who never sleeps",
    "Nine Bridges": "a detective in the fog, and nine letters without a sender",
    "The Orchard Year": "a quiet year on a farm, with apples, snow and an old dog",
}
ASKED = itertools.count()


def init():
    """There is nothing to read: the shelf is short."""


def words(text):
    """Return the words of a text, in lower case."""
    return set(re.findall(r"[a-z]+", text.lower()))


def run(data):
    """Return the best title."""
    time.sleep(float(os.environ.get("TAKES_MS", "0")) / 1000)
    if next(ASKED) % 20 >= 20 - int(os.environ.get("FAILS_OF_20", "0")):
        raise ValueError("the shelf is empty")
    wish = words(json.loads(data)["wish"])
    return {"tale": max(TALES, key=lambda title: len(wish & words(f"{title} {TALES[title]}")))}
