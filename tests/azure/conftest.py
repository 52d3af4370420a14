"""What the tests of the Azure target share. Their helpers are imported by their place: tests.azure."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.azure.simulator.server import Simulator, simulated
from tests.azure.simulator.world import World

from sluice.targets.azure.arm import ArmClient
from sluice.targets.azure.patience import Patience


@dataclass
class FakeClock:
    """Time that passes when it is waited for. `after` is called before each wait, with how many there were."""

    waits: list[float] = field(default_factory=list)
    time: float = 1_800_000_000.0
    after: Callable[[int], None] = field(default=lambda _waits: None)

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.after(len(self.waits))
        self.waits.append(seconds)
        self.time += seconds


@dataclass
class Token:
    token: str
    expires_on: int


@dataclass
class Login:
    """A credential: gives the tokens in turn, the last one for good."""

    clock: FakeClock
    tokens: list[str] = field(default_factory=lambda: ["good"])
    asked: list[dict[str, Any]] = field(default_factory=list)
    lasts_s: int = 3600

    def get_token(self, *_scopes: str, **options: Any) -> Token:
        self.asked.append(options)
        token = self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
        return Token(token, int(self.clock.now()) + self.lasts_s)


@dataclass
class Client:
    """A client of a simulated Azure, and all it is made of."""

    arm: ArmClient
    clock: FakeClock
    login: Login
    world: World
    lines: list[str]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated() as running:
        yield running


@pytest.fixture
def client(simulator: Simulator) -> Client:
    clock, lines = FakeClock(), list[str]()
    login = Login(clock)
    arm = ArmClient(login, simulator.url, clock=clock, patience=Patience(), report=lines.append)
    return Client(arm, clock, login, simulator.world, lines)
