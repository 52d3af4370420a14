"""Pulumi's own release, installed by its Automation API; run as a module it is the child that does so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sluice.engine.parts import EngineSource, Progress
from sluice.engine.processes import without_credentials
from sluice.errors import EngineMissing

_INSTALLER = "https://get.pulumi.com/install.sh"  # what PulumiCommand.install fetches first
_REACH_SECONDS = 6
_INSTALL_SECONDS = 1200
_UNREACHABLE = 3


@dataclass(frozen=True)
class OfficialRelease:
    """Installs the official release of one version, where Pulumi's site can be reached.

    It runs in a child of its own session: the Automation API's download has no time limit, ours has.
    """

    version: str
    environ: Mapping[str, str]
    reach_seconds: int = _REACH_SECONDS

    @property
    def source(self) -> EngineSource:
        """What an installed release's `source` says."""
        return "official release"

    def install(self, staged: Path, progress: Progress) -> None:
        """Install the release into `staged/bin`; gives up within seconds when the site does not answer.

        Raises:
            EngineMissing: The site can't be reached, or the installation failed or took over 20 minutes.
        """
        progress(f"looking for Pulumi's release {self.version}")
        argv = [sys.executable, "-m", __name__, str(staged), self.version, str(self.reach_seconds)]
        child = subprocess.Popen(
            argv, env=self.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        try:
            _, said = child.communicate(timeout=_INSTALL_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise EngineMissing(f"Pulumi's release took over {_INSTALL_SECONDS // 60} minutes") from error
        finally:
            _end_session(child)
        if child.returncode in (_UNREACHABLE, -signal.SIGALRM):
            raise EngineMissing("Pulumi's site can't be reached from here")
        if child.returncode != 0:
            raise EngineMissing(
                "Pulumi's installer failed", details=without_credentials(said.decode(errors="replace")[-1500:])
            )


def _end_session(child: subprocess.Popen[bytes]) -> None:
    """End the child and the scripts it started: its session is ours alone."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    if child.stderr is not None:
        child.stderr.close()


def _install(root: str, version: str, reach_seconds: int) -> int:
    signal.alarm(reach_seconds)  # ends a name look-up too, which no socket time-out does
    request = urllib.request.Request(_INSTALLER, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=reach_seconds).close()  # noqa: S310 - the address is the constant above
    except OSError:
        return _UNREACHABLE
    signal.alarm(0)
    import pulumi.automation
    from semver import VersionInfo

    try:
        pulumi.automation.PulumiCommand.install(root=root, version=VersionInfo.parse(version))
    except subprocess.CalledProcessError as error:
        sys.stderr.write((error.output or b"").decode(errors="replace"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_install(sys.argv[1], sys.argv[2], int(sys.argv[3])))
