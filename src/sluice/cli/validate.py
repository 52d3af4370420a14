"""`sluice validate`: check specifications, offline. It imports no more than the call needs: editors wait for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sluice.cli.options import Option, Verb, parse
from sluice.errors import UsageError

if TYPE_CHECKING:
    from sluice.spec.diagnostics import Severity
    from sluice.spec.files import Reading, Source
    from sluice.spec.results import FileResult

STDIN = Path("-")
FORMATS = ("text", "json", "sarif", "github")
KINDS = (
    "endpoint", "deployment", "model", "environment", "connection", "access", "stack", "flow", "flex-flow", "run",
    "workspace", "config",
)  # fmt: skip
_COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}

ABOUT = """Check specifications and say, for each finding, file, line, column and remedy.

Without files: all of the stack, and each file against the others. With files: each by itself, in any folder;
so is every specification in a folder that is named.

Examples:
  sluice validate
  sluice validate endpoints/qa/blue.yaml flows/qa
  sluice validate --name blue --endpoint-name qa deployment.yaml --set instance_count=3
  sluice validate --format sarif > sluice.sarif
  sluice validate - --stdin-filename endpoints/qa/blue.yaml < draft.yaml

Exit codes: 0 no errors, 1 errors were found, 2 the call is wrong. What a code means: sluice explain CODE"""

VERB = Verb(
    "validate",
    ABOUT,
    (
        Option("files", (), "Files and folders to check, `-` for standard input; without any, the stack's.", "FILE",
               many=True),
        Option("stack", ("--stack", "-s"), "The stack: dev, staging, prod...", "NAME", default="dev",
               variable="SLUICE_STACK"),
        Option("kind", ("--kind",), f"What the files are, where they don't tell: {', '.join(KINDS)}.", "KIND",
               choices=KINDS),
        Option("name", ("--name",), "The name, in place of the one in the file.", "NAME"),
        Option("endpoint_name", ("--endpoint-name",), "The endpoint of a deployment, in place of the file's.", "NAME"),
        Option("set_", ("--set",), "A value in place of the file's, read as YAML; may be given several times.",
               "KEY.PATH=VALUE", many=True),
        Option("allow_placeholders", ("--allow-placeholders",),
               "Say nothing of values with a placeholder in them: {{ x }}, ${X}, $X, <x>, __X__."),
        Option("strict", ("--strict",), "Exit 1 on warnings too."),
        Option("format_", ("--format", "-f"), f"Form of the result: {', '.join(FORMATS)}.", "FORMAT", choices=FORMATS,
               default="text"),
        Option("as_json", ("--json",), "The same as --format json."),
        Option("quota", ("--quota",), "Cores your subscription has of a family of VM sizes, for advice.",
               "FAMILY=CORES", many=True),
        Option("stdin_filename", ("--stdin-filename",), "The file that standard input stands for: paths in it are "
               "relative to that file's folder.", "FILE"),
        Option("affected", ("--affected",), "Check what depends on the files too, and pass over those that are no "
               "specifications: for hooks."),
    ),
)  # fmt: skip


class Call(NamedTuple):
    """What was asked; the fields are the options."""

    files: Sequence[str]
    stack: str
    kind: str | None
    name: str | None
    endpoint_name: str | None
    set_: Sequence[str]
    allow_placeholders: bool
    strict: bool
    format_: str
    as_json: bool
    quota: Sequence[str]
    stdin_filename: str | None
    affected: bool


def run(arguments: Sequence[str]) -> int:
    """Validate as `arguments` ask, print the results, and return the exit status. Raises UsageError."""
    return validate(Call(**vars(parse(VERB, arguments))))


def validate(call: Call) -> int:
    """Validate as `call` asks, print the results, and return the exit status. Raises UsageError."""
    _refuse(call)
    results = tuple(_results(call))
    if call.files and not results and not call.affected:
        raise UsageError(
            f"no specification in {', '.join(call.files)}", remedy="Name a folder that has some, or files."
        )
    _print(results, "json" if call.as_json else call.format_)
    failing = {"error", "warning"} if call.strict else {"error"}
    return int(any(finding.severity in failing for result in results for finding in result.findings))


def _refuse(call: Call) -> None:
    if "" in call.files:
        raise UsageError("a file's name is empty", remedy="Name the file, or leave it out to check the stack.")
    of_files = {"--kind": call.kind, "--name": call.name, "--endpoint-name": call.endpoint_name, "--set": call.set_}
    given = [flag for flag, value in of_files.items() if value]
    if given and (call.affected or not call.files):
        raise UsageError(f"{given[0]} is about files that are named", remedy="Name the file it is about.")
    if call.quota and call.files and not call.affected:
        raise UsageError("--quota is about a whole stack", remedy="Leave the files out.")
    if call.as_json and call.format_ not in {"text", "json"}:
        raise UsageError(f"--json and --format {call.format_} exclude each other", remedy="Leave one of them out.")
    if "-" in call.files and len(call.files) > 1:
        raise UsageError("standard input (`-`) is validated alone", remedy="Leave the other files out.")
    if call.stdin_filename and "-" not in call.files:
        raise UsageError("--stdin-filename names what is read from `-`", remedy="Add `-`, or leave it out.")


def _results(call: Call) -> Iterable[FileResult]:
    if call.affected:
        from sluice.cli.validate_stack import affected_results

        return affected_results([Path(file) for file in call.files], call)
    if not call.files:
        from sluice.cli.validate_stack import here

        return here(call)
    from sluice.spec.together import validated_together

    return validated_together(Path.cwd(), tuple(_sources(call)), _reading(call))


def _reading(call: Call) -> Reading:
    from sluice.spec.files import Reading
    from sluice.spec.flags import Flags
    from sluice.spec.kinds import Kind

    flags = Flags.of(call.name, call.endpoint_name, call.set_)
    return Reading(Kind(call.kind) if call.kind else None, flags, call.allow_placeholders)


def _sources(call: Call) -> Iterable[Source]:
    """Return what is to be read; of a folder, the specifications in it. A file is read once, by its first name."""
    found: dict[str, Source] = {}
    for source in _named(call):
        key = os.path.realpath(source.path)
        first = found.setdefault(key, source)
        if not source.in_folder:
            found[key] = first._replace(in_folder=False)
    return found.values()


def _named(call: Call) -> Iterator[Source]:
    from sluice.spec.files import Source, yaml_files
    from sluice.spec.reading import MAX_BYTES

    for path in map(Path, call.files):
        if path == STDIN:
            if sys.stdin is None:  # a caller may close it
                raise UsageError("standard input is closed", remedy="Give the text: sluice validate - < FILE")
            yield Source(Path(call.stdin_filename or "stdin.yaml"), sys.stdin.buffer.read(MAX_BYTES + 1))
        elif os.path.isdir(path):  # noqa: PTH112 - of a name that no disk takes, is_dir raises
            yield from (Source(file, in_folder=True) for file in yaml_files(path))
        else:
            yield Source(path)


def _print(results: Sequence[FileResult], form: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in _lines(results, form)))


def _lines(results: Sequence[FileResult], form: str) -> Iterable[str]:
    from sluice.spec import output

    if form == "json":
        return [output.as_json(results)]
    if form == "github":
        return output.as_github(results)
    if form == "sarif":
        from importlib.metadata import version

        from sluice.spec.output_sarif import as_sarif

        return [as_sarif(results, version("sluice"))]
    return output.as_text(results, _painted)


def _painted(text: str, severity: Severity) -> str:
    if not sys.stdout.isatty():
        return text
    from sluice.report import coloured

    return coloured(text, _COLOURS[severity], sys.stdout)
