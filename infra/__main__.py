"""The Pulumi program: the specifications of the current stack, as resources."""

from pathlib import Path

from sluice_infra.program import run

run(Path(__file__).resolve().parent.parent)
