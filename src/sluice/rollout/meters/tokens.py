"""Tokens a request, as a number that follows the walk. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sluice.rollout.meters.asked import Reading
from sluice.rollout.meters.numbers import NoReading, related
from sluice.rollout.meters.samples import Seen
from sluice.spec.rollout import Compare, MetricRule


@dataclass(frozen=True)
class Spent:
    """Answers of one deployment since the walk began: all good ones, those that told their tokens, and these."""

    answers: int = 0
    told: int = 0
    tokens: float = 0.0

    @property
    def mean(self) -> float:
        """Tokens a request; 0 where none told."""
        return self.tokens / self.told if self.told else 0.0

    def with_answers(self, tokens: Iterable[float | None]) -> Spent:
        """Return it with more answers; None is one that told nothing."""
        every = list(tokens)
        told = [one for one in every if one is not None]
        return Spent(self.answers + len(every), self.told + len(told), self.tokens + sum(told))

    def plain(self) -> list[float]:
        """Return it as JSON."""
        return [self.answers, self.told, self.tokens]


Both = tuple[Spent, Spent]
"""Of the stable deployment, and of the new one."""


def spent(before: Both, seen: Iterable[Seen]) -> Both:
    """Return what was spent after more requests; failures cost nothing that could be compared."""
    good = [(green, one.tokens) for green, one in seen if one.ended and one.status < 400 and not one.failed]
    stable, green = ([tokens for is_green, tokens in good if is_green is wanted] for wanted in (False, True))
    return before[0].with_answers(stable), before[1].with_answers(green)


def tokens_read(rule: MetricRule, before: Both, after: Both, header: str) -> Reading | None:
    """Return the mean of all requests of the walk, when the new deployment has answered; None when it has not.

    There is none before `least_requests` answers told their tokens: of both, where they are compared.
    """
    if after[1].answers == before[1].answers:
        return None
    least = max(1, rule.least_requests)
    compared = after if rule.limits.compare is not Compare.VALUE else after[1:]
    told = min(one.told for one in compared)
    if told < least:
        return Reading(None, f"{rule.name}: {told} of {least} answers told their tokens (header {header})")
    try:
        return Reading(related(rule.limits.compare, after[1].mean, after[0].mean))
    except NoReading as error:
        return Reading(None, f"{rule.name}: {error}")
