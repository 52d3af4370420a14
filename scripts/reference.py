"""Write docs/reference/: a page a kind of specification, from schemas/, and one of the command line.

`--check` writes nothing and fails where a page is not what it would write.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from sluice.cli.app import app
from sluice.spec.kinds import Kind
from sluice.spec.schema import read_schema, schema_file

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
WIDTH = 100
MADE = "<!-- Written by scripts/reference.py. Change the schema or the command, then run it again. -->\n"

Schema = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """One key of a kind: its place as `parent.child`, what its schema says, and whether it has to be there."""

    path: str
    schema: Schema
    required: bool


def main(arguments: list[str]) -> int:
    """Write the pages, or check them; the exit status."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run python scripts/reference.py\n")
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(pages()[path])
        sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")
    return 0


def pages() -> Mapping[Path, str]:
    """Every page by its file."""
    kinds = {FOLDER / f"{kind.value}.md": kind_page(kind) for kind in Kind}
    return {**kinds, FOLDER / "cli.md": cli_page(), FOLDER / "README.md": index_page()}


def index_page() -> str:
    """The list of pages."""
    said = {kind: cell(read_schema(schema_file(kind))["description"]) for kind in Kind}
    rows = [f"- [{kind.value}]({kind.value}.md): {text}" for kind, text in said.items()]
    return "\n".join([MADE, "# Reference", "", "- [The `sluice` command](cli.md)", *rows, ""])


def kind_page(kind: Kind) -> str:
    """The page of one kind: every key that may be written, then those that are accepted and ignored."""
    file = schema_file(kind)
    schema = resolved(file, read_schema(file))[1]
    keys = list(keys_of(file, schema))
    written = [key for key in keys if not key.schema.get("readOnly")]
    ignored = [f"`{key.path}`" for key in keys if key.schema.get("readOnly")]
    head = [MADE, f"# {read_schema(file)['title']}", "", cell(read_schema(file)["description"]), ""]
    rows = ["| key | value | default | meaning |", "|---|---|---|---|", *(row(key) for key in written)]
    foot = ["", f"Read-only, accepted and ignored: {', '.join(ignored)}."] if ignored else []
    return "\n".join([*head, f"Schema: [`schemas/{file}`](../../schemas/{file})", "", *rows, *foot, ""])


def resolved(file: str, schema: Schema) -> tuple[str, Schema]:
    """A schema with its references followed, and the file that the found one stands in."""
    while "$ref" in schema:
        own = {key: value for key, value in schema.items() if key != "$ref"}
        target, _, pointer = schema["$ref"].partition("#")
        file = target or file
        found: Schema = read_schema(file)
        for step in pointer.strip("/").split("/"):
            found = found[step]
        schema = found | own
    return file, schema


def keys_of(file: str, schema: Schema, above: str = "") -> Iterator[Key]:
    """Every key below a schema, depth first. A kind that is written inside another is not descended into."""
    for name, raw in schema.get("properties", {}).items():
        if name == "$schema" and above:
            continue
        at = f"{above}{name}"
        where, below = resolved(file, raw)
        yield Key(at, below, name in schema.get("required", ()))
        yield from nested(where, below, at)


def nested(file: str, schema: Schema, at: str) -> Iterator[Key]:
    """The keys of what a key holds: a mapping, its values, the items of a list, or one of several forms."""
    yield from keys_of(file, schema, f"{at}.")
    for word, inner in (("[]", schema.get("items")), (".<name>", schema.get("additionalProperties"))):
        if isinstance(inner, dict):
            where, below = resolved(file, inner)
            yield from keys_of(where, below, f"{at}{word}.")
    for form in schema.get("oneOf", ()):
        if not kind_of(form):
            yield from nested(*resolved(file, form), at)


def kind_of(form: Schema) -> str | None:
    """The kind that a reference such as `model.schema.json#/$defs/inline` names."""
    file = str(form.get("$ref", "")).partition("#")[0]
    kind = file.removesuffix(".schema.json")
    return kind if kind in list(Kind) else None


def row(key: Key) -> str:
    """The table's row of one key."""
    shown = f"**`{key.path}`** (required)" if key.required else f"`{key.path}`"
    default = f"`{json.dumps(key.schema['default'])}`" if key.schema.get("default") not in (None, "", {}, []) else ""
    return "| " + " | ".join((shown, value_of(key.schema), default, meaning(key.schema))) + " |"


def value_of(schema: Schema) -> str:
    """What may stand as a value, in words."""
    if "enum" in schema:
        return cell(", ".join(f"`{value}`" for value in schema["enum"]))
    if "oneOf" in schema:
        return " or ".join(alternative(form) for form in schema["oneOf"])
    types = schema.get("type", "any")
    words = " or ".join(t for t in ([types] if isinstance(types, str) else types) if t != "null")
    return words + limits(schema)


def alternative(form: Schema) -> str:
    """One of several forms: a kind by its page, else its title."""
    kind = kind_of(form)
    return f"[{kind}]({kind}.md) written here" if kind else str(form.get("title", form.get("type", "value"))).lower()


def limits(schema: Schema) -> str:
    """The range of a number."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None and high < 2**31 - 1:
        return f", {low} to {high}"
    return f", at least {low}" if low is not None else ""


def meaning(schema: Schema) -> str:
    """The description, with the first example."""
    text = str(schema.get("description", ""))
    examples = schema.get("examples", ())
    shown = f" Example: `{json.dumps(examples[0], ensure_ascii=False)}`" if examples and "enum" not in schema else ""
    return cell(text + shown)


def cell(text: str) -> str:
    """A text as a table takes it; outside of code, `<name>` would be taken for a tag."""
    parts = text.replace("|", "\\|").replace("\n", " ").split("`")
    return "`".join(part if index % 2 else part.replace("<", "&lt;") for index, part in enumerate(parts))


def cli_page() -> str:
    """The page of the command line: the help of every command."""
    command = typer.main.get_command(app)
    parts = [MADE, "# The `sluice` command", ""]
    for name, text in helps(command, "sluice", None):
        parts += [f"## {name}", "", "```text", text, "```", ""]
    return "\n".join(parts)


def helps(command: Any, name: str, above: Any) -> Iterator[tuple[str, str]]:
    """Name and help of a command and of those below it."""
    title = name.rpartition(" ")[2]
    asked = {"resilient_parsing": True, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = command.make_context(title, [], parent=above, **asked)
    yield name, "\n".join(line.rstrip() for line in context.get_help().splitlines())
    for child, below in getattr(command, "commands", {}).items():
        yield from helps(below, f"{name} {child}", context)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
