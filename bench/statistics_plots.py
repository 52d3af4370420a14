"""Plots of `rollout_statistics`: false alarms against requests seen, and requests served until the stop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

if TYPE_CHECKING:
    from rollout_statistics import Outcome

GOOD = {"0.5 %": "errors 0.5 %, as before", "p95 +0 %, effect 0": "latency as before"}
MARKERS = {
    "Sluice": ("o", "tab:blue", "Sluice"),
    "Flagger: 99 %, 5 failed checks": ("s", "tab:orange", "Flagger"),
    "Flagger: 1.1 x p95, 5 failed checks": ("s", "tab:orange", "Flagger"),
    "Argo: 95 %, failureLimit 3": ("v", "tab:red", "Argo, 95 %"),
    "Argo: 99 %, failureLimit 3": ("^", "tab:green", "Argo, 99 % or 1.1 x p95"),
    "Argo: 1.1 x p95, failureLimit 3": ("^", "tab:green", "Argo, 99 % or 1.1 x p95"),
    "Kayenta, at every interval": ("D", "tab:purple", "Kayenta, at every interval"),
}
POINTS = np.arange(100, 10_001, 100)


def plots(folder: Path, outcomes: Mapping[str, Mapping[str, Outcome]], alpha: float) -> None:
    """Write both plots into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    plt.switch_backend("svg")
    plt.rcParams |= {"svg.hashsalt": "sluice", "svg.fonttype": "none"}
    _false_alarms(folder / "rollout-false-alarms.svg", outcomes, alpha)
    _until_stop(folder / "rollout-requests-until-stop.svg", outcomes)


def _false_alarms(file: Path, outcomes: Mapping[str, Mapping[str, Outcome]], alpha: float) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
    for axis, (scenario, title) in zip(axes, GOOD.items(), strict=True):
        for name, one in outcomes[scenario].items():
            shares = [one.stopped(int(seen)) for seen in POINTS]
            axis.step(POINTS, np.maximum(shares, 1e-4), where="post", label=name, lw=2.5 if name == "Sluice" else 1.2)
        axis.axhline(alpha, color="black", ls=":", lw=1, label=f"stated: {alpha:.0%}")
        axis.set(title=title, xlabel="requests of the new deployment", yscale="log", ylim=(1e-4, 1.1))
        axis.legend(fontsize=7)
    axes[0].set_ylabel("good rollouts stopped so far")
    _save(figure, file)


def _until_stop(file: Path, outcomes: Mapping[str, Mapping[str, Outcome]]) -> None:
    """A row is a scenario; a judge of errors and its like for latency have one marker."""
    bad = {scenario: found for scenario, found in outcomes.items() if scenario not in GOOD}
    figure, axis = plt.subplots(figsize=(9, 4.2))
    for row, found in enumerate(bad.values()):
        for name, one in found.items():
            if name in MARKERS:
                marker, colour, legend = MARKERS[name]
                axis.plot(
                    one.mean, -row, marker, color=colour, ms=9, alpha=0.8, label=legend if row in {0, 3} else None
                )
    handles = dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    axis.legend(handles.values(), handles.keys(), fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncol=3)
    names = [name.replace(", effect 0", "") if "p95" in name else f"errors {name}" for name in bad]
    axis.set_yticks([-row for row in range(len(bad))], names)
    axis.set(xscale="log", xlim=(5, 13_000), xlabel="requests served by a bad deployment until the stop, mean")
    axis.grid(axis="x", alpha=0.3)
    _save(figure, file)


def _save(figure: plt.Figure, file: Path) -> None:
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
