"""Rollouts as plain JSON and back: the specification for the engine, the log's lines and states for the disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast, get_args

from cattrs import Converter

from sluice.errors import Mark
from sluice.rollout.models import Sample
from sluice.rollout.proportions import Counts
from sluice.spec.frozen import frozen_map
from sluice.spec.rollout import NOWHERE, MetricRule, Rollout, Work
from sluice.spec.terms import SecretReference, SecretScheme, Value

Json = Any
T = TypeVar("T")
_SECRET = "secret"  # noqa: S105 - the key of a place where a secret goes


def plain_rollout(rollout: Rollout, root: Path) -> tuple[dict[str, Json], Mapping[str, SecretReference]]:
    """Return a rollout as JSON with a name in each secret's place, and the secrets by these names.

    It is the same on every machine and wherever it stands in its file: paths are relative to `root`, marks and
    defaults are left out.
    """
    secrets: dict[str, SecretReference] = {}

    def named(reference: SecretReference) -> Json:
        written = reference.scheme is SecretScheme.LITERAL
        name = f"{reference.scheme}:{len(secrets) if written else reference.name}"
        secrets[name] = reference
        return {_SECRET: name}

    converter = _converter(brief=True)
    converter.register_unstructure_hook(SecretReference, named)
    converter.register_unstructure_hook(Path, lambda path: os.path.relpath(path, root))
    return converter.unstructure(_unmarked(rollout)), secrets


def _unmarked(rollout: Rollout) -> Rollout:
    def bare(rules: tuple[MetricRule, ...]) -> tuple[MetricRule, ...]:
        return tuple(replace(rule, at=NOWHERE) for rule in rules)

    steps = tuple(replace(step, at=NOWHERE, metrics=bare(step.metrics)) for step in rollout.steps)
    return replace(rollout, at=NOWHERE, steps=steps, metrics=bare(rollout.metrics), marks=frozen_map())


def rollout_of(plain: Mapping[str, Json], secrets: Mapping[str, str], root: Path) -> Rollout:
    """Return a rollout from its JSON with the secrets in their places. Raises KeyError for one that is missing."""

    def put_in(value: Json, _: object) -> str:
        return secrets[value[_SECRET]] if isinstance(value, Mapping) else str(value)

    converter = _converter(put_in)
    converter.register_structure_hook(Path, lambda found, _: root / found)
    return converter.structure(plain, Rollout)


def plain(value: object) -> Json:
    """Return one of the rollout's frozen values as JSON."""
    return _codec().unstructure(value)


def structured(found: Json, kind: type[T]) -> T:
    """Return a frozen value from what `plain` made of it."""
    return _codec().structure(found, kind)


@cache
def _codec() -> Converter:
    return _converter()


def _unknown(value: Json, _: object) -> str:
    return str(value)


def _converter(value_of: Callable[[Json, object], str] = _unknown, *, brief: bool = False) -> Converter:
    converter = Converter(detailed_validation=False, omit_if_default=brief)
    converter.register_structure_hook_func(lambda kind: kind == Value, value_of)
    converter.register_structure_hook(Mark, lambda _found, _: NOWHERE)
    converter.register_unstructure_hook(Mark, str)
    _counts_are_short(converter)
    _maps_are_read_only(converter)
    _work_has_a_tag(converter)
    return converter


def _work_has_a_tag(converter: Converter) -> None:
    kinds = {kind.__name__.lower(): kind for kind in get_args(Work)}

    def read(found: Json, _: object) -> Work | None:
        return None if found is None else converter.structure(found[1], kinds[found[0]])

    def write(work: Work | None) -> Json:
        return None if work is None else [type(work).__name__.lower(), converter.unstructure(work)]

    converter.register_structure_hook_func(lambda kind: kind == Work | None, read)
    converter.register_unstructure_hook_func(lambda kind: kind == Work | None, write)


def _counts_are_short(converter: Converter) -> None:
    """A reading has up to a hundred of them, and a log many readings."""
    converter.register_unstructure_hook(Counts, lambda one: [one.requests, one.failures])
    converter.register_structure_hook(Counts, lambda found, _: Counts(*found))
    converter.register_unstructure_hook(
        Sample, lambda one: [one.stable.requests, one.stable.failures, one.green.requests, one.green.failures]
    )
    converter.register_structure_hook(Sample, lambda found, _: Sample(Counts(*found[:2]), Counts(*found[2:])))


def _maps_are_read_only(converter: Converter) -> None:
    def is_map(kind: object) -> bool:
        return getattr(kind, "__origin__", None) is cast("object", Mapping.__mro__[0])

    def reader(kind: object) -> Callable[[Json, object], Mapping[str, object]]:
        _, of = get_args(kind)

        def read(found: Json, _: object) -> Mapping[str, object]:
            return MappingProxyType({key: converter.structure(value, of) for key, value in found.items()})

        return read

    def write(value: Mapping[str, object]) -> Json:
        return {key: converter.unstructure(child) for key, child in value.items()}

    converter.register_structure_hook_factory(is_map, reader)
    converter.register_unstructure_hook_func(is_map, write)
