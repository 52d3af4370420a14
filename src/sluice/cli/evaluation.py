"""`sluice eval`: evaluations of runs and endpoints, compared and judged."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sluice.cli.common import DEFAULT_STACK, Json, Stack, project
from sluice.cli.run_create import (
    Deployment,
    Endpoint,
    Given,
    Headers,
    LineTimeout,
    Pace,
    Target,
    Url,
    Workers,
    created,
    status_of,
    tell,
)
from sluice.errors import UsageError
from sluice.report import note, say, say_json, table

if TYPE_CHECKING:
    from sluice.runs.comparing import Judgement, Wanted
    from sluice.runs.store import RunFolder

_COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}
_STATUS = {"pass": 0, "fail": 1, "inconclusive": 3}


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Evaluate runs and endpoints, compare and judge them.", no_args_is_help=True)
    group.command("run")(evaluate)
    group.command("compare")(compare)
    group.command("gate")(gate)
    app.add_typer(group, name="eval")


def _run(name: str) -> RunFolder:
    from sluice.runs.store import RunStore

    return RunStore(project()).get(name)


def evaluate(
    file: Annotated[Path, typer.Option("--file", "-f", help="The run_evaluation.yml.")],
    ask: Annotated[
        Path | None, typer.Option("--ask", help="A run.yml: what the endpoint is asked; without it each line as it is.")
    ] = None,
    stack: Stack = DEFAULT_STACK,
    endpoint: Endpoint = None,
    deployment: Deployment = None,
    url: Url = None,
    headers: Headers = None,
    workers: Workers = 4,
    line_timeout: LineTimeout = 600.0,
    as_json: Json = False,
) -> int:
    """Ask an endpoint every line of the data, and evaluate its answers: also a deployment without traffic.

    As the command of a rollout's `evaluate` step it needs neither --endpoint nor --url: the step says whom to ask.
    With --json it prints what such a step reads: metrics, and the scores of every line.

    Ends with status 0 when the evaluation is completed, 1 when no line could be evaluated.

    Examples: sluice eval run -f evaluations/run_evaluation.yml --ask evaluations/run.yml --endpoint qa -d green |
    sluice eval run -f evaluations/run_evaluation.yml --json
    """
    from sluice.spec.flags import Flags

    target = _target(Target(stack, endpoint, deployment, url, headers), os.environ)
    pace = Pace(workers, line_timeout)
    asking = Given(ask, Flags()) if ask else Given(file, Flags(), ("column_mapping", "run"))
    asked = created(asking, target, pace, stream=False, quiet=as_json)
    if status_of(asked) == 130:
        tell(asked)
        return 130
    given = Given(file, Flags.of(None, None, [f"run={asked['name']}"]))
    record = created(given, Target(stack), pace, stream=False, quiet=as_json)
    if as_json:
        from sluice.runs.scoring import printed

        say_json({"run": record["name"], "base": asked["name"], **printed(_run(record["name"]))})
    else:
        tell(asked)
        tell(record)
    return status_of(record)


def _target(given: Target, environ: Mapping[str, str]) -> Target:
    """Return whom to ask: as the call says, else as a rollout's step does. Raises UsageError where neither does."""
    if given.given:
        return given
    url, headers = environ.get("SLUICE_SCORING_URL"), environ.get("SLUICE_HEADERS_FILE")
    if not url:
        raise UsageError("nobody is named to ask", remedy="Name it: --endpoint NAME --deployment NAME, or --url URL.")
    return Target(given.stack, None, environ.get("SLUICE_DEPLOYMENT"), url, Path(headers) if headers else None)


def compare(
    first: Annotated[str, typer.Argument(help="The run to compare with.")],
    second: Annotated[str, typer.Argument(help="The run that is compared.")],
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, for a pull request.")] = False,
    as_json: Json = False,
) -> int:
    """Compare two runs over the same data, paired by line: means, differences with intervals, the deepest falls.

    Example: sluice eval compare eval-blue eval-green --markdown
    """
    from sluice.runs.comparing import HEAD, compared, markdown, plain_comparison, rows

    found = compared(_run(first), _run(second))
    if as_json:
        say_json(plain_comparison(found))
    elif as_markdown:
        say(markdown(found))
    else:
        say(table((*HEAD[:1], found.first, found.second, *HEAD[3:]), rows(found)))
        for one in (one for one in found.differences if one.falls):
            listed = ", ".join(f"line {line} {before:.4g} -> {after:.4g}" for line, before, after in one.falls)
            say(f"  {one.metric} falls most: {listed}")
    return 0


def gate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The evaluation.")],
    metric: Annotated[str, typer.Option("--metric", "-m", help="The output that is judged.")],
    baseline: Annotated[str | None, typer.Option("--baseline", "-b", help="The evaluation to compare with.")] = None,
    at_least: Annotated[float | None, typer.Option("--at-least", help="The mean's least.")] = None,
    at_most: Annotated[float | None, typer.Option("--at-most", help="The mean's most.")] = None,
    max_drop: Annotated[float | None, typer.Option("--max-drop", min=0, help="Below the baseline's mean.")] = None,
    max_rise: Annotated[float | None, typer.Option("--max-rise", min=0, help="Above the baseline's mean.")] = None,
    worst_at_least: Annotated[float | None, typer.Option("--worst-at-least", help="Every line's least.")] = None,
    worst_at_most: Annotated[float | None, typer.Option("--worst-at-most", help="Every line's most.")] = None,
    confidence: Annotated[float, typer.Option("--confidence", min=0.5, max=0.999, help="How sure.")] = 0.95,
    as_json: Json = False,
) -> int:
    """Judge an evaluation: against limits, and against another run of the same data, paired by line.

    A limit is kept where the whole interval of the mean keeps it, broken where the whole interval breaks it; else it
    is inconclusive. Lines that failed turn a pass into inconclusive.

    Ends with status 0 for pass, 1 for fail, 3 for inconclusive.

    Example: sluice eval gate eval-green --baseline eval-blue --metric relevance --at-least 4 --max-drop 0.1
    """
    from sluice.runs.comparing import Wanted, judgement, plain_judgement

    limits = (at_least, at_most, max_drop, max_rise, worst_at_least, worst_at_most)
    wanted: Wanted = Wanted(metric, *limits, confidence)
    found = judgement(_run(name), _run(baseline) if baseline else None, [wanted])
    if as_json:
        say_json({"run": name, "baseline": baseline, **plain_judgement(found)})
    else:
        _tell(found)
    return _STATUS[found.verdict.value]


def _tell(found: Judgement) -> None:
    for said in found.said:
        say(f"{said.verdict.value}: {said.says}")
    for text in found.notes:
        note(f"  {text}")
    note(found.verdict.value, _COLOURS[found.verdict.value])
