"""`sluice explain CODE`: every code has a page, every page a code, and each says what to do."""

from __future__ import annotations

import re

import pytest
import yaml
from codes import constants, used_codes

from sluice.spec.pages import Page, page_of, pages

PAGES = list(pages())
USED = used_codes()
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.code)
FORBIDDEN = re.compile(r"pypi\.org|/(root|work|tmp)/|\b(sub-?agent|helper|brief)\b|TODO", re.IGNORECASE)


def test_every_code_has_a_page() -> None:
    assert {code: sorted(where) for code, where in USED.items() if page_of(code) is None} == {}


def test_every_page_has_a_code() -> None:
    assert {page.code for page in PAGES} - USED.keys() - constants() == set()


def test_there_is_no_page_of_what_is_no_code() -> None:
    assert page_of("nonsense") is None
    assert page_of("../codes/type") is None


@each_page
def test_a_page_has_a_title_and_says_something(page: Page) -> None:
    assert page.text.startswith("# ")
    assert page.text.endswith("\n")
    assert re.fullmatch(r"\S.*[^.]", page.title)
    assert len(page.body) > 60
    assert not FORBIDDEN.search(page.text)
    assert all(len(line) <= 120 for line in page.text.partition("```")[0].splitlines())


@each_page
def test_examples_are_yaml(page: Page) -> None:
    """What is shown as right can be read; what is shown as wrong may be wrong in that, too."""
    for example in re.findall(r"^Right:\n\n```yaml\n(.*?)^```", page.text, re.MULTILINE | re.DOTALL):
        assert yaml.safe_load(example) is not None
