from __future__ import annotations

import re

import pytest

from sluice.errors import Mark, SpecFileError
from sluice.spec.parse import parse_documents

CASES = [
    # Quotes.
    ('a: 1\nb: "abc\nc: 2\n', 2, 4, "yaml-unclosed", "the quote opened here is not closed: the file ends first"),
    ("a: 'abc\n\nb: 1\n", 1, 4, "yaml-unclosed", "the quote opened here is not closed"),
    ('a: "b\n--- \nc: 1\n', 1, 4, "yaml-unclosed", "a document begins in line 2"),
    ('a: "b\nc: "d"\n', 1, 4, "yaml-unclosed", "is closed only in line 2"),
    ("a: 'it's'\n", 1, 8, "yaml-syntax", "text follows a closed quote"),
    ('a: "b" c\nd: 1\n', 1, 8, "yaml-syntax", "text follows a closed quote"),
    # Brackets.
    ("a: 1\nb: [c, d\ne: 2\n", 2, 4, "yaml-unclosed", "the `[` opened here is not closed: line 3 holds"),
    ("a: {b: 1\n", 1, 4, "yaml-unclosed", "the `{` opened here is not closed: the file ends"),
    ("a: &x [b, c\n", 1, 7, "yaml-unclosed", "the `[` opened here is not closed: the file ends"),
    ("a: [b, [c, d]\n", 1, 4, "yaml-unclosed", "the `[` opened here is not closed: the file ends"),
    ("a:\n- [b: c\n", 2, 3, "yaml-unclosed", "the `[` opened here is not closed: the file ends"),
    ("a: [b, c}\n", 1, 9, "yaml-unclosed", "expected a comma or `]` here"),
    ('{\n"a": 1\n"b": 2\n}\n', 2, 6, "yaml-syntax", "a comma is missing after this value"),
    ("a: [b]]\n", 1, 7, "yaml-syntax", "a `]` too many"),
    ("a: ]\n", 1, 4, "yaml-syntax", "expected a value, found `]`"),
    # Colons.
    ("name blue\nb: 1\n", 1, 1, "yaml-colon", "a key without its colon"),
    ("a: 1\nname blue\nb: 1\n", 2, 1, "yaml-colon", "a key without its colon"),
    ("a: 1\nname blue\n", 2, 1, "yaml-colon", "a key without its colon"),
    ("a:\n  b: 1\n  c 2\n  d: 3\n", 3, 3, "yaml-colon", "a key without its colon"),
    ("a: 1\nb:2\nc: 3\n", 2, 1, "yaml-colon", "a key without its colon: expected `key: value`\n  Put a blank"),
    ("a: 1\nb: c: d\n", 2, 5, "yaml-colon", "a second `: ` in one value"),
    # Indentation.
    ("a: b\n  c: d\n", 2, 3, "yaml-indentation", "below the value of line 1"),
    ("a:\n    b: 1\n  c: 2\n", 3, 3, "yaml-indentation", "nothing above it begins"),
    ("  a: 1\nb: 2\n", 2, 1, "yaml-indentation", "nothing above it begins"),
    ("a: 1\n- b\n", 2, 1, "yaml-indentation", "a list item stands among keys"),
    ("- a\nb: 1\n", 2, 1, "yaml-indentation", "nothing above it begins"),
    ("a:\n\tb: 1\n", 2, 1, "yaml-tab", "a tab in the indentation"),
    ("a:\n  \tb: 1\n", 2, 3, "yaml-tab", "a tab in the indentation"),
    ("a:\n  b: 1\n\tc: 1\n", 3, 1, "yaml-tab", "a tab in the indentation"),
    ("a: |\n\tb\n", 2, 1, "yaml-tab", "a tab in the indentation"),
    # Signs.
    ("a: @b\n", 1, 4, "yaml-syntax", "a value can't begin with `@`"),
    ("a: %b\n", 1, 4, "yaml-syntax", "a value can't begin with `%`"),
    ("%b\na: 1\n", 1, 1, "yaml-syntax", "a value can't begin with `%`"),
    ("a: *.py\n", 1, 4, "yaml-syntax", "a value can't begin with `*`"),
    ("a: & b\n", 1, 4, "yaml-syntax", "a value can't begin with `&`"),
    ("a: - b\n", 1, 4, "yaml-syntax", "a list item in the line of its key"),
    ('a: "C:\\path"\n', 1, 7, "yaml-syntax", "an unknown escape"),
    ('a: "\\xZZ"\n', 1, 7, "yaml-syntax", "no hexadecimal number"),
    ("a: | text\n", 1, 6, "yaml-syntax", "text right after"),
    ("%YAML 3.0\n---\na: 1\n", 1, 1, "yaml-syntax", "a YAML version that nothing reads"),
    ("a: [\n", 1, 4, "yaml-unclosed", "the `[` opened here is not closed: the file ends"),
    ("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> x\n", 2, 1, "yaml-syntax", "a merge conflict"),
]


@pytest.mark.parametrize(("text", "line", "column", "code", "words"), CASES)
def test_a_fault_is_told_where_it_was_made(text: str, line: int, column: int, code: str, words: str) -> None:
    with pytest.raises(SpecFileError, match=re.escape(words)) as caught:
        parse_documents(text, "f.yaml")

    assert (caught.value.at, caught.value.code) == (Mark("f.yaml", line, column), code)


@pytest.mark.parametrize("text", [text.replace("b", "secret").replace("c", "secret") for text, *_ in CASES])
def test_what_the_file_holds_is_not_repeated(text: str) -> None:
    with pytest.raises(SpecFileError) as caught:
        parse_documents(text, "f.yaml")

    assert "secret" not in str(caught.value)
