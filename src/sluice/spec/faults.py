"""Why a file can't be read as a specification: one code a cause."""

from __future__ import annotations

from enum import StrEnum

from sluice.errors import SpecFileError


class Fault(StrEnum):
    """The codes of what is wrong with a file as a whole, or with its YAML."""

    MISSING = "file-not-found"
    UNREADABLE = "file-unreadable"
    NO_FILE = "not-a-file"
    TOO_LARGE = "file-too-large"
    ENCODING = "encoding"
    CONTROL_CHARACTER = "control-character"
    EMPTY = "empty-file"
    SEVERAL_DOCUMENTS = "several-documents"
    SYNTAX = "yaml-syntax"
    TAB = "yaml-tab"
    UNCLOSED = "yaml-unclosed"
    COLON = "yaml-colon"
    INDENTATION = "yaml-indentation"
    PLACEHOLDER = "yaml-placeholder"
    KEY = "yaml-key"
    DUPLICATE_KEY = "duplicate-key"
    TAG = "yaml-tag"
    VALUE = "yaml-value"
    ANCHOR = "yaml-anchor"
    CYCLE = "yaml-cycle"
    MERGE = "yaml-merge"
    TOO_DEEP = "too-deep"
    TOO_MANY_VALUES = "too-many-values"


LONGEST_KEY = 1024

FILE_FAULTS: frozenset[str] = frozenset({*Fault, SpecFileError.code})
