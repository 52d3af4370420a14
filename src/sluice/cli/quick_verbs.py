"""`validate` and `explain` as Typer lists, documents and completes them; calls don't come through here.

Their options are written in the verbs' own modules, for argparse too.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sluice.cli import explain, validate
from sluice.cli.options import Option, Verb


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("validate", help=_help(validate.VERB))(_validate)
    app.command("explain", help=_help(explain.VERB))(_explain)


def _help(verb: Verb) -> str:
    """Return a verb's help with its paragraphs kept as they are: Typer would fill the examples into one."""
    return "\n\n".join(f"\b\n{part}" if "\n  " in part else part for part in verb.about.split("\n\n"))


def _of(verb: Verb, name: str) -> Any:
    option = next(option for option in verb.options if option.name == name)
    if not option.flags:
        return typer.Argument(help=option.help, metavar=option.metavar)
    return typer.Option(
        *option.flags,
        help=option.help,
        metavar=option.metavar or None,
        envvar=option.variable,
        autocompletion=_completion(option) if option.choices else None,
    )


def _completion(option: Option) -> Any:
    def complete(incomplete: str) -> list[str]:
        return [choice for choice in option.choices if choice.startswith(incomplete)]

    return complete


def _validate(
    files: Annotated[list[str] | None, _of(validate.VERB, "files")] = None,
    stack: Annotated[str, _of(validate.VERB, "stack")] = "dev",
    kind: Annotated[str | None, _of(validate.VERB, "kind")] = None,
    name: Annotated[str | None, _of(validate.VERB, "name")] = None,
    endpoint_name: Annotated[str | None, _of(validate.VERB, "endpoint_name")] = None,
    set_: Annotated[list[str] | None, _of(validate.VERB, "set_")] = None,
    allow_placeholders: Annotated[bool, _of(validate.VERB, "allow_placeholders")] = False,
    strict: Annotated[bool, _of(validate.VERB, "strict")] = False,
    format_: Annotated[str, _of(validate.VERB, "format_")] = "text",
    as_json: Annotated[bool, _of(validate.VERB, "as_json")] = False,
    quota: Annotated[list[str] | None, _of(validate.VERB, "quota")] = None,
    stdin_filename: Annotated[str | None, _of(validate.VERB, "stdin_filename")] = None,
    affected: Annotated[bool, _of(validate.VERB, "affected")] = False,
) -> int:
    return validate.validate(
        validate.Call(
            files or [], stack, kind, name, endpoint_name, set_ or [], allow_placeholders, strict, format_, as_json,
            quota or [], stdin_filename, affected,
        )
    )  # fmt: skip


def _explain(
    code: Annotated[str | None, _of(explain.VERB, "code")] = None,
    as_json: Annotated[bool, _of(explain.VERB, "as_json")] = False,
) -> int:
    return explain.explain(code, as_json=as_json)
