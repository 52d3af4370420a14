"""Single values as YAML 1.1 reads them: PyYAML's own patterns and meanings, because Azure's loader uses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.resolver import Resolver

from sluice.spec.nodes import Plain

_PREFIX = "tag:yaml.org,2002:"
_CONSTRUCTOR = SafeConstructor()
_READERS: Mapping[str, Callable[[yaml.ScalarNode], Plain]] = {
    "null": _CONSTRUCTOR.construct_yaml_null,
    "bool": _CONSTRUCTOR.construct_yaml_bool,
    "int": _CONSTRUCTOR.construct_yaml_int,
    "float": _CONSTRUCTOR.construct_yaml_float,
    "timestamp": _CONSTRUCTOR.construct_yaml_timestamp,
    "binary": _CONSTRUCTOR.construct_yaml_binary,
    "str": _CONSTRUCTOR.construct_yaml_str,
}

# Longer ones take Python quadratic time, and no key has a number or date of that length.
_LONGEST = 400


class UnknownTag(ValueError):
    """A tag that no specification has."""


def read_tagged(written: str, tag: str | None) -> Plain:
    """Return what YAML makes of `written` where it has quotes or a tag; `tag` is the whole tag, or None.

    Raises:
        UnknownTag: the tag is none of YAML's own for scalars.
        ValueError: as `read_plain`.
    """
    if tag is None or tag == "!":
        return written
    kind = tag.removeprefix(_PREFIX)
    if kind == tag or kind not in _READERS:
        raise UnknownTag
    return _read(written, kind)


@lru_cache(maxsize=4096)
def read_plain(written: str) -> Plain:
    """Return what YAML makes of `written` where it has neither quotes nor a tag.

    Raises:
        ValueError: the text is not of the type it looks like, as `2024-13-45` is no date; the message is the type.
    """
    if len(written) > _LONGEST:
        return written
    for tag, pattern in Resolver.yaml_implicit_resolvers.get(written[:1], ()):
        if pattern.match(written):
            return _read(written, tag.removeprefix(_PREFIX))
    return written


def _read(written: str, kind: str) -> Plain:
    if kind == "str":
        return written
    if kind not in _READERS or (kind != "binary" and len(written) > _LONGEST):
        raise ValueError(kind)
    try:
        return _READERS[kind](yaml.ScalarNode(_PREFIX + kind, written))
    except (ValueError, ArithmeticError, LookupError, AttributeError, ConstructorError) as error:
        raise ValueError(kind) from error
