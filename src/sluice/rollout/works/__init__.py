"""What the steps of a rollout do besides moving weights: evaluations, webhooks, load, parity."""

from sluice.rollout.works.performing import perform

__all__ = ["perform"]
