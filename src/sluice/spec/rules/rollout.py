"""Rules of a rollout by itself: of its steps, of what it is judged by, of what it does, of its values."""

from __future__ import annotations

from sluice.spec.rules import rollout_metrics, rollout_steps, rollout_values, rollout_works

RULES = (*rollout_steps.RULES, *rollout_metrics.RULES, *rollout_works.RULES, *rollout_values.RULES)
FILE_RULES = rollout_works.FILE_RULES
