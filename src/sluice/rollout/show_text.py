"""A walk as lines of text, at most 80 columns wide, for a terminal or a pipeline's log. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo

from sluice.judging.verdicts import Verdict
from sluice.rollout.files import Event
from sluice.rollout.models import MetricKind, Phase
from sluice.rollout.show import MetricShown, Share, StepShown, View
from sluice.rollout.show_words import (
    WIDTH,
    Line,
    Tone,
    aligned,
    bounds,
    cleaned,
    clock,
    day_and_time,
    duration,
    percent,
    shortened,
    weights_of,
    words_of,
    wrapped,
)
from sluice.rollout.world import Tallied

EVENTS = 6
_INDENT = 10
_TONES: Mapping[Phase, Tone] = {
    Phase.DONE: "good",
    Phase.ROLLED_BACK: "bad",
    Phase.ABORTED: "bad",
    Phase.RETURNING: "bad",
    Phase.HELD: "bad",
    Phase.PAUSED: "wait",
    Phase.BAKING: "wait",
    Phase.WALKING: "head",
}
_SIGNS: Mapping[Verdict, tuple[str, str, Tone]] = {
    Verdict.PASS: ("+", "passes", "good"),
    Verdict.FAIL: ("x", "fails", "bad"),
    Verdict.INCONCLUSIVE: ("?", "not known yet", "wait"),
}
_STEP_SIGNS: Mapping[str, tuple[str, Tone]] = {
    "done": ("+", "good"),
    "current": (">", "head"),
    "stopped": ("x", "bad"),
    "to_come": (" ", "dim"),
}


def lines(shown: View, zone: tzinfo | None = None, events: int = EVENTS) -> list[Line]:
    """Return all there is to see of a walk; times of day are in `zone`, or the machine's own."""
    return [
        *_head(shown, zone),
        Line(""),
        *_steps(shown),
        *_section("metrics", _metrics(shown)),
        *_section("requests since it began", _requests(shown.tally)),
        *_section("events", _events(shown, zone, events)),
        *_section("next", _next(shown)),
    ]


def one_line(shown: View, width: int = WIDTH) -> Line:
    """Return where a walk stands in one line of at most `width` columns."""
    return Line(shortened(f"{_stands(shown)}: {shown.says}", width), _TONES[shown.phase])


def endpoint_line(name: str, shown: View | None, width: int = WIDTH) -> Line:
    """Return where an endpoint's rollout stands in one line, beginning with the endpoint's name."""
    if shown is None:
        return Line(shortened(f"{name}  no rollout yet", width), "dim")
    text, tone = one_line(shown, 10 * WIDTH)
    return Line(shortened(f"{name}  {text}", width), tone)


def progress(shown: View) -> str:
    """Return how far a walk is, for those who follow it: step, live weights, verdicts."""
    judged = (f"{one.metric.name} {_SIGNS[one.verdict][1]}" for one in shown.metrics if one.judged)
    live = shown.live.weights if shown.live else {}
    return "; ".join([_stands(shown), weights_of(live), *judged])


def event_line(event: Event, steps: int, zone: tzinfo | None = None) -> Line:
    """Return what happened in one line, whole: a pipeline's log has no 80 columns."""
    said = cleaned(_said(event))
    text = f"{clock(event.when, zone)}  step {event.step + 1} of {steps}  {said}  [{weights_of(event.weights)}]"
    return Line(text, _TONES[event.phase])


def _said(event: Event) -> str:
    return f"{words_of(event.phase)}: {event.says}"


def _stands(shown: View) -> str:
    phase = words_of(shown.phase)
    if not shown.open:
        return f"{phase} {duration(shown.now - shown.until)} ago"
    step = shown.steps[shown.step]
    return f"{phase}, step {step.number} of {len(shown.steps)} ({step.does}){_held(step)}"


def _held(step: StepShown) -> str:
    if step.held_s is None:
        return ""
    return f", {_held_so_far(step)}"


def _held_so_far(step: StepShown) -> str:
    held = step.held_s or 0.0
    return f"{duration(min(held, step.hold_s))} of {duration(step.hold_s)}" if step.hold_s else duration(held)


def _head(shown: View, zone: tzinfo | None) -> Iterator[Line]:
    walk = shown.walk
    by = f" by {shown.who}" if shown.who else ""
    title = f"{walk.endpoint}: {_stands(shown)}"
    yield from (Line(text, _TONES[shown.phase]) for text in wrapped(title, 0))
    yield from _fact("walk", f"{weights_of(walk.stable)} -> {weights_of(walk.goal)}")
    yield from _fact("live", _live(shown))
    yield from _fact("why", shown.says)
    yield from _fact("begun", f"{day_and_time(shown.began, zone)}{by}; {_time(shown)}")
    if shown.open and shown.alive:
        yield from _fact("gate", "its gatekeeper is alive")
    elif shown.open:
        yield from _fact("gate", "no gatekeeper drives it: nobody judges it, and it does not go on", "bad")


def _live(shown: View) -> str:
    if shown.live is None:
        return "not known"
    copies = [f"; {share} % copied to {name}" for name, share in shown.live.mirror.items() if share]
    return weights_of(shown.live.weights) + "".join(copies)


def _time(shown: View) -> str:
    if not shown.open:
        return f"it lasted {duration(shown.until - shown.began)}"
    return f"{duration(shown.elapsed_s)} of at most {duration(shown.walk.deadline_s)}"


def _fact(name: str, text: str, tone: Tone = "plain") -> Iterator[Line]:
    yield from (Line(line, tone) for line in wrapped(text, _INDENT, f"  {name}"))


def _section(title: str, body: Iterator[Line]) -> Iterator[Line]:
    found = list(body)
    if found:
        yield from (Line(""), Line(title.upper(), "head"), *found)


def _steps(shown: View) -> Iterator[Line]:
    yield Line("STEPS", "head")
    rows = [
        (_STEP_SIGNS[one.state][0], one.number, one.does, weights_of(one.weights), _times(one)) for one in shown.steps
    ]
    for one, text in zip(shown.steps, aligned(rows, frozenset({1})), strict=True):
        yield Line(shortened(f"  {text}", WIDTH), _STEP_SIGNS[one.state][1])


def _times(step: StepShown) -> str:
    if step.state in {"current", "stopped"}:
        return _held_so_far(step)
    return duration(step.hold_s) if step.hold_s else ""


def _metrics(shown: View) -> Iterator[Line]:
    for one in shown.metrics:
        sign, words, tone = _SIGNS[one.verdict]
        if not one.judged:
            sign, words, tone = " ", "not judged in this step", "dim"
        about = f" ({one.metric.about})" if one.metric.about and one.metric.about != one.metric.name else ""
        yield Line(shortened(f"  {sign} {one.metric.name}{about}: {words}", WIDTH), tone)
        yield from (Line(f"      {text}"[:WIDTH]) for text in _numbers(one, shown))
        if one.trouble:
            yield from (Line(text, "bad") for text in wrapped(one.trouble, 6))


def _numbers(one: MetricShown, shown: View) -> Iterator[str]:
    metric = one.metric
    if metric.kind is MetricKind.LIMIT:
        yield f"{'no reading yet' if one.number is None else f'{one.number:g}'}; {limits(metric.low, metric.high)}"
        return
    counted = ((shown.walk.blue, one.stable), (shown.walk.green, one.green))
    yield from aligned([_share(name, share) for name, share in counted if share], frozenset({1, 2}))
    if one.stable is None:
        yield f"at most {percent(metric.high or 0.0)}"
    if one.in_step < metric.least_requests:
        yield f"{one.in_step} of the {metric.least_requests} requests of {shown.walk.green} that this step needs"


def limits(low: float | None, high: float | None) -> str:
    """Return limits in words: `at least 3 and at most 5`."""
    at_least = "" if low is None else f"at least {low:g}"
    at_most = "" if high is None else f"at most {high:g}"
    return " and ".join(part for part in (at_least, at_most) if part) or "no limit"


def _share(name: str, share: Share) -> tuple[str, str, str, str]:
    if not share.requests:
        return name, "0 of 0", "-", ""
    counts = f"{share.failures} of {share.requests}"
    return name, counts, percent(share.rate), f"(95 %: {bounds(share.low, share.high)})"


def _requests(tally: Mapping[str, Tallied]) -> Iterator[Line]:
    if not tally:
        return
    rows = [("", "requests", "failed", "lost to the switch")]
    rows += [(name or "reached none", f"{one.requests}", f"{one.failed}", f"{one.lost}") for name, one in tally.items()]
    lost = sum(one.lost for one in tally.values())
    texts = aligned(rows, frozenset({1, 2, 3}))
    yield Line(f"  {texts[0]}", "dim")
    yield from (Line(f"  {text}", "bad" if lost else "plain") for text in texts[1:])


def _events(shown: View, zone: tzinfo | None, most: int) -> Iterator[Line]:
    earlier = len(shown.events) - most
    if earlier > 0:
        yield Line(f"  ({earlier} earlier)", "dim")
    for event in shown.events[-most:] if most else ():
        yield from (Line(text) for text in wrapped(_said(event), 12, f"  {clock(event.when, zone)}"))


def _next(shown: View) -> Iterator[Line]:
    rows = [(one.command, one.does) for one in shown.next]
    if max((len(command) for command, _ in rows), default=0) > WIDTH // 2:
        yield from (Line(text) for command, does in rows for text in (f"  {command}", f"      {does}"))
    else:
        yield from (Line(f"  {text}") for text in (aligned(rows) if rows else ()))
