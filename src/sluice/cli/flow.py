"""`sluice flow test`: one input through a flow, in the flow's own environment."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sluice.cli.common import DEFAULT_STACK, Json, Stack, project
from sluice.cli.run_create import stoppable
from sluice.cli.run_progress import shown
from sluice.errors import UsageError
from sluice.report import note, say, say_json

if TYPE_CHECKING:
    from sluice.runs.testing import FlowTest, Tested


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Try flows out.", no_args_is_help=True)
    group.command("test")(try_out)
    app.add_typer(group, name="flow")


def try_out(
    folder: Annotated[Path, typer.Argument(metavar="FLOW", help="The flow's folder, or its definition.")],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--inputs", "-i", metavar="NAME=VALUE", help="An input; several times for several."),
    ] = None,
    input_file: Annotated[
        Path | None, typer.Option("--input-file", help="A json, jsonl or csv file; its first line has the inputs.")
    ] = None,
    node: Annotated[
        str | None, typer.Option("--node", help="Only this node; outputs of others: --inputs other.output=...")
    ] = None,
    variant: Annotated[str | None, typer.Option("--variant", metavar="NODE.VARIANT", help="This variant.")] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Chat with a chat flow; an empty line ends it.")
    ] = False,
    stack: Stack = DEFAULT_STACK,
    as_json: Json = False,
) -> int:
    """Run a flow, or one node of it, for one input, in the flow's own environment; its outputs are printed.

    Inputs that are not given have the flow's defaults.

    Ends with status 0 when it succeeded, 1 when it failed.

    Examples: sluice flow test flows/qa -i question='When do you open?' | sluice flow test flows/chat --interactive |
    sluice flow test flows/qa --node answer --input-file data/questions.jsonl
    """
    from sluice.runs.testing import Trial, assignments, first_row, flow_test
    from sluice.targets.local.environments import Talk

    given = {**(first_row(input_file) if input_file else {}), **assignments(inputs or [])}
    wish = Trial(project(), folder, stack, _variant(variant))
    with shown(stream=False, quiet=as_json) as watcher, stoppable() as stopped:
        talk = Talk(watcher.says, stopped)
        with flow_test(wish, talk, os.environ) as asked:
            if interactive:
                return _chatted(asked, given)
            known = asked.definition.get("inputs") or {}
            if input_file:  # a line of data may have more columns than the flow has inputs
                given = {key: value for key, value in given.items() if key in known or key.endswith(".output")}
            found = asked.node(node, given) if node else asked.line(given)
    return _tell(found, as_json=as_json)


def _variant(written: str | None) -> tuple[str, str] | None:
    if written is None:
        return None
    node, sign, variant = written.removeprefix("${").removesuffix("}").partition(".")
    if not sign:
        raise UsageError(f"--variant needs NODE.VARIANT, found {written}")
    return node, variant


def _tell(found: Tested, *, as_json: bool) -> int:
    if as_json:
        say_json(
            {"output": found.output, "error": found.error or None, "seconds": found.seconds, "tokens": found.tokens}
        )
    elif found.error:
        note(f"failed: {found.error}", "red")
    else:
        say(json.dumps(found.output, indent=2, ensure_ascii=False))
        tokens = f", {found.tokens} tokens" if found.tokens else ""
        note(f"{found.seconds:.2f} s{tokens}")
    return 1 if found.error else 0


def _chatted(asked: FlowTest, given: dict[str, Any]) -> int:
    """Ask what is typed, turn by turn, with the history of the chat."""
    chat = asked.chat()
    history: list[dict[str, Any]] = list(given.get(chat.history or "", []))
    while (question := _typed()) is not None:
        inputs = {**given, chat.question: question, **({chat.history: history} if chat.history else {})}
        found = asked.line(inputs)
        if found.error:
            note(f"failed: {found.error}", "red")
            continue
        output = dict(found.output or {})
        say(str(output.get(chat.answer, "")))
        history.append({"inputs": {chat.question: question}, "outputs": output})
    return 0


def _typed() -> str | None:
    """Return what the user asks next; None at an empty line or the end of the input."""
    if sys.stdin.isatty():
        sys.stderr.write("> ")
        sys.stderr.flush()
    line = sys.stdin.readline()
    return line.strip() or None
