"""Options written down once: argparse reads them where starting fast counts, Typer for help and completion."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from sluice.errors import UsageError


class Option(NamedTuple):
    """An option, or an argument where `flags` is empty.

    `metavar` stands for its value; without one it is a switch. `many`: it may be given several times.
    """

    name: str
    flags: tuple[str, ...]
    help: str
    metavar: str = ""
    many: bool = False
    choices: tuple[str, ...] = ()
    default: str | None = None
    variable: str | None = None


class Verb(NamedTuple):
    """A verb: its name, what `--help` says of it, and its options in the order of the help."""

    name: str
    about: str
    options: tuple[Option, ...]


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, remedy=f"See: {self.prog} --help")


def parse(verb: Verb, arguments: Sequence[str]) -> Namespace:
    """Return the values of `arguments` by the options' names: text, bool, or a list where there may be several.

    Raises: UsageError. SystemExit after printing `--help`.
    """
    parser = _Parser(
        f"sluice {verb.name}",
        usage=_usage(verb),  # left out, argparse would make it before it reads anything
        description=verb.about,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for option in verb.options:
        _add(parser, option)
    before, named = _split(arguments)
    parsed = parser.parse_intermixed_args(before)
    for option in verb.options:
        if named and option.many and not option.flags:
            setattr(parsed, option.name, [*getattr(parsed, option.name), *named])
    return parsed


def _split(arguments: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return what stands before `--` and what behind it: argparse forgets the sign where arguments are mixed."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def _usage(verb: Verb) -> str:
    arguments = (f"[{one.metavar}{' ...' if one.many else ''}]" for one in verb.options if not one.flags)
    return " ".join(["%(prog)s [OPTIONS]", *arguments])


def _add(parser: ArgumentParser, option: Option) -> None:
    if not option.flags:
        parser.add_argument(option.name, nargs="*" if option.many else "?", metavar=option.metavar, help=option.help)
        return
    form: dict[str, Any] = {"action": "store_true"}
    if option.metavar:
        form = {"metavar": option.metavar, "choices": option.choices or None, "default": default_of(option)}
        form["action"] = "append" if option.many else "store"
    parser.add_argument(*option.flags, dest=option.name, help=_help(option), **form)


def default_of(option: Option) -> Any:
    """Return an option's value where it is not given: from its variable, its default, an empty list, or None."""
    if option.many:
        return []
    return (os.environ.get(option.variable) if option.variable else None) or option.default


def _help(option: Option) -> str:
    facts = [f"env: {option.variable}" if option.variable else "", f"default: {option.default}" * bool(option.default)]
    said = "; ".join(fact for fact in facts if fact)
    return f"{option.help} [{said}]" if said else option.help
