"""`sluice access plan|check`: who needs which role where, why, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from sluice.cli.access_report import Row, as_json_rows, markdown, text
from sluice.cli.common import DEFAULT_STACK, Json, Stack, settings_of, target_of
from sluice.errors import UsageError
from sluice.report import note, say, say_json
from sluice.spec.models import SpecSet
from sluice.spec.settings import StackSettings

Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown: for a ticket to an administrator.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Who needs which role, where and why, and what is missing.", no_args_is_help=True)
    group.command("plan")(plan)
    group.command("check")(check)
    app.add_typer(group, name="access")


def plan(stack: Stack = DEFAULT_STACK, as_json: Json = False, as_markdown: Markdown = False) -> int:
    """Say who needs which role, where, why, and who gives it.

    On Azure that is each endpoint's identity, whoever deploys, and the identities of workspace.yml.

    Examples: sluice access plan -s prod | sluice access plan -s prod --markdown
    """
    _say(stack, _rows(stack, check=False), as_json=as_json, as_markdown=as_markdown)
    return 0


def check(stack: Stack = DEFAULT_STACK, as_json: Json = False, as_markdown: Markdown = False) -> int:
    """Compare with the roles that are given, also above and to groups; exit 1 where one is missing.

    For each that is missing: the `az` line that an administrator runs.

    Examples: sluice access check -s prod | sluice access check -s prod --json
    """
    rows = _rows(stack, check=True)
    _say(stack, rows, as_json=as_json, as_markdown=as_markdown)
    missing = [one for one in rows if one.state == "missing" and not one.optional]
    if missing and not as_json:
        note(f"{len(missing)} missing; roles take 5 to 10 minutes to take effect once they are given", "yellow")
    return 1 if missing else 0


def _say(stack: str, rows: Sequence[Row], *, as_json: bool, as_markdown: bool) -> None:
    if as_json and as_markdown:
        raise UsageError("--json and --markdown are two forms of the same", remedy="Give one of them.")
    if as_json:
        say_json({"stack": stack, "needs": as_json_rows(rows)})
    else:
        say(markdown(stack, rows) if as_markdown else text(rows))


def _rows(stack: str, *, check: bool) -> tuple[Row, ...]:
    from sluice.spec.load import check as refuse_errors
    from sluice.spec.load import load_specs

    root, settings = settings_of(stack)
    specs = load_specs(root, settings.specs, stack)
    refuse_errors(specs)
    if target_of(stack) == "azure":
        return _azure_rows(specs, settings, check=check)
    return _local_rows(specs, stack, check=check)


def _local_rows(specs: SpecSet, stack: str, *, check: bool) -> tuple[Row, ...]:
    from sluice.cli.common import local_target
    from sluice.plan.access import assignments
    from sluice.plan.azure_access import WHY

    records = local_target(stack).records("role-assignments").values() if check else []
    held = {(one["identity"], one["role"], one["scope"]) for one in records}
    needed = assignments(specs.endpoints.values(), specs.access)
    return tuple(
        Row(
            one.identity,
            "identity",
            one.role,
            one.scope,
            one.scope,
            WHY.get(one.role, "access.yaml gives it"),
            "sluice up",
            state=("held" if (one.identity, one.role, one.scope) in held else "missing") if check else "",
        )
        for one in needed
    )


def _azure_rows(specs: SpecSet, settings: StackSettings, *, check: bool) -> tuple[Row, ...]:
    import os

    from sluice.plan.azure_access import deployer_needs, stack_needs
    from sluice.plan.azure_access_lines import az_line
    from sluice.plan.azure_workspace_access import workspace_needs
    from sluice.targets.azure.access import AccessReader, Checked, State, read_linked
    from sluice.targets.azure.cloud import Cloud, connect
    from sluice.targets.azure.site import place_of, read_site
    from sluice.targets.azure.workspace_file import workspace_identities
    from sluice.targets.azure.written import read_written

    arm = connect(Cloud.of(os.environ), report=note)
    site = read_site(arm, place_of(settings), specs)
    linked = read_linked(arm, site.id)
    written = read_written(specs, settings.specs, settings.stack)
    needs = (
        *stack_needs(specs, site, written),
        *deployer_needs(specs, site, written),
        *workspace_needs(workspace_identities(specs.root, site.workspace), linked),
    )
    found = AccessReader(arm).check(needs) if check else tuple(Checked(need, State.UNKNOWN) for need in needs)
    return tuple(
        Row(
            one.need.who,
            one.need.holder,
            one.need.role,
            one.need.scope,
            one.need.scope_id,
            one.need.why,
            one.need.giver,
            one.need.optional,
            one.state if check else "",
            one.detail,
            az_line(one.need, site, one.principal),
        )
        for one in found
    )
