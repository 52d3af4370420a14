"""`sluice rollout dry-run`: the walk as it would be. Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sluice.cli.common import DEFAULT_STACK, EndpointName, Json, Stack, local_target, one_of, project
from sluice.errors import NotFound, SpecFileError
from sluice.report import say, say_json

if TYPE_CHECKING:
    from sluice.rollout.models import Walk
    from sluice.spec.models import SpecSet
    from sluice.spec.rollout import Rollout
    from sluice.spec.settings import StackSettings


def register(group: typer.Typer) -> None:
    """Add the verb."""
    group.command("dry-run")(dry_run)


def dry_run(stack: Stack = DEFAULT_STACK, endpoint: EndpointName = None, as_json: Json = False) -> int:
    """Show the steps that `sluice up` would walk from the live weights, with what judges them. Nothing is changed.

    Ends with status 0; 1 where the specifications are wrong or no endpoint has a rollout.

    Examples: sluice rollout dry-run | sluice rollout dry-run -s prod -e chat --json
    """
    from sluice.spec.load import check, load_specs
    from sluice.spec.settings import load_settings

    root = project()
    settings = load_settings(root, stack)
    specs = load_specs(root, settings.specs, stack)
    check(specs)
    names = [one_of(list(specs.endpoints), endpoint)] if endpoint else list(specs.rollouts)
    if not names:
        raise NotFound(
            "no endpoint of this stack has a rollout.yaml", remedy="Without one, `sluice up` sets weights at once."
        )
    found = {name: _walk(stack, specs, settings, name) for name in names}
    if as_json:
        say_json({"rollouts": [_plain(name, specs, walk) for name, walk in found.items()]})
    else:
        _show(specs, found)
    return 0


def _walk(stack: str, specs: SpecSet, settings: StackSettings, name: str) -> Walk | str:
    """Return the walk of one endpoint, or why there would be none."""
    from sluice.rollout.plan_walk import needs_walk, walk_of
    from sluice.rollout.show_words import weights_of

    rollout, goal = specs.rollouts.get(name), _goal(stack, specs, settings, name)
    state = local_target(stack).endpoint(name).load()
    live = state.routing.weights if state else {}
    if rollout is None:
        return "it has no rollout.yaml: `sluice up` sets its weights at once"
    if goal is None:
        return "nobody says what its weights are to be: they are left alone"
    if not needs_walk(live, goal):
        return f"nothing to walk from {weights_of(live)} to {weights_of(goal)}: `sluice up` sets that at once"
    return walk_of(rollout, live, goal, "dry-run")


def _goal(stack: str, specs: SpecSet, settings: StackSettings, name: str) -> Mapping[str, int] | None:
    from sluice.traffic.weights import check_weights, goal

    existing = [one.name for one in specs.deployments if one.endpoint_name == name]
    by_hand = weights_by_hand(specs.root, stack).get(name, settings.traffic.get(name))
    found = goal(specs.endpoints[name].traffic, by_hand, existing)
    check_weights(found or {}, existing, name)
    return found


def weights_by_hand(root: Path, stack: str) -> Mapping[str, Mapping[str, int]]:
    """Return the weights that `sluice traffic set` wrote, by endpoint: from the file, for that needs no engine.

    Raises SpecFileError where the stack's configuration can't be read.
    """
    import json

    import yaml

    path = root / "stacks" / f"Pulumi.{stack}.yaml"
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        found = (written.get("config") or {}).get("sluice:traffic") or {}
        return json.loads(found) if isinstance(found, str) else found
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        raise SpecFileError(
            f"{path}: can't be read as the stack's configuration", remedy="Mend it, or remove it."
        ) from None


def _show(specs: SpecSet, found: Mapping[str, Walk | str]) -> None:
    from sluice.cli.rollout_watch import printed
    from sluice.rollout.show_walk import walk_lines

    for at, (name, walk) in enumerate(found.items()):
        if at:
            say()
        if isinstance(walk, str):
            say(f"{name}  {walk}")
        else:
            printed(walk_lines(walk, _rollout(specs, name)))


def _plain(name: str, specs: SpecSet, walk: Walk | str) -> dict[str, Any]:
    from sluice.rollout.show_walk import plain_walk

    if isinstance(walk, str):
        return {"endpoint": name, "walk": None, "why": walk}
    return {"endpoint": name, "walk": plain_walk(walk, _rollout(specs, name)), "why": None}


def _rollout(specs: SpecSet, name: str) -> Rollout:
    return specs.rollouts[name]
