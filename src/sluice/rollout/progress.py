"""A walk in one line, for Pulumi's live status and for logs. Pure."""

from __future__ import annotations

from sluice.rollout.judge import overall
from sluice.rollout.machine import shown, step_words, wanted
from sluice.rollout.models import ENDED, State


def progress_line(state: State) -> str:
    """Return where a walk stands: `step 2 of 5, weight 10 %, 12 of 60 s: blue=90 green=10; errors: 0 of 118 ...`."""
    if state.phase in ENDED:
        return f"{state.phase.replace('_', ' ')}: {state.says}"
    current = state.walk.steps[state.step]
    parts = [f"step {state.step + 1} of {len(state.walk.steps)}", step_words(current)]
    if current.hold_s:
        parts.append(f"{min(state.in_step_s, current.hold_s):.0f} of {current.hold_s:g} s")
    _, numbers = overall(state.walk, state.judged, state.step)
    line = f"{', '.join(parts)}: {shown(wanted(state).weights)}"
    return f"{line}; {numbers}" if numbers else line
