"""Proxies beside Envoy, as small as they can be set up: one address, one of two servers behind it, and how to switch.

Each is started in a scratch folder on free ports of 127.0.0.1 and switched as its makers document it. A proxy whose
command is not on PATH is `Missing`.

    nginx, haproxy, caddy: Debian's packages. kamal-proxy, traefik, a newer caddy: from Go modules, for example
    in an empty folder `go mod init x && go get -tool github.com/basecamp/kamal-proxy/cmd/kamal-proxy@v0.9.2 &&
    GOBIN=$HOME/bin go install tool`.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sluice.targets.local.processes.ports import free_port

START_S = 20.0
Servers = Mapping[str, int]


class Missing(Exception):
    """The proxy can't be had here; the message says why."""


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs: its port, and how all traffic is sent to one of the servers, by name."""

    port: int
    switch: Callable[[str], object]


Start = Callable[[Path, Servers, str], "Iterator[Proxy]"]


@contextmanager
def nginx(folder: Path, servers: Servers, first: str) -> Iterator[Proxy]:
    """Lend nginx; a switch is a new file and `nginx -s reload`."""
    command, port = _command("nginx"), free_port()
    config = folder / "nginx.conf"
    call = [command, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]

    def write(owner: str) -> None:
        _replace(config, NGINX.format(folder=folder, port=port, server=servers[owner]))

    def switch(owner: str) -> None:
        write(owner)
        subprocess.run([*call, "-s", "reload"], check=True, capture_output=True)

    write(first)
    with _running([*call], folder, port):
        yield Proxy(port, switch)


NGINX = """
daemon off; worker_processes 2; pid {folder}/nginx.pid; events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream live {{ server 127.0.0.1:{server}; keepalive 32; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://live; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""


@contextmanager
def haproxy(folder: Path, servers: Servers, first: str) -> Iterator[Proxy]:
    """Lend HAProxy; a switch sets both weights over its runtime socket."""
    command, port = _command("haproxy"), free_port()
    control = folder / "control"
    lines = [
        f"  server {name} 127.0.0.1:{server} weight {100 if name == first else 0}" for name, server in servers.items()
    ]
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(control=control, port=port) + "\n".join(lines) + "\n")

    def switch(owner: str) -> None:
        others = [name for name in servers if name != owner]
        orders = [f"set server live/{owner} weight 100", *(f"set server live/{name} weight 0" for name in others)]
        with socket.socket(socket.AF_UNIX) as asked:
            asked.connect(str(control))
            asked.sendall(("; ".join(orders) + "\n").encode())
            said = asked.makefile().read().strip()
        assert not said, said

    with _running([command, "-db", "-f", str(config)], folder, port):
        yield Proxy(port, switch)


HAPROXY = """
global
  stats socket {control} mode 600 level admin
  nbthread 2
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend door
  bind 127.0.0.1:{port}
  default_backend live
backend live
"""


@contextmanager
def caddy(folder: Path, servers: Servers, first: str) -> Iterator[Proxy]:
    """Lend Caddy; a switch is a PATCH of its upstreams through the admin address."""
    command, port, admin = _command("caddy"), free_port(), free_port()

    def upstreams(owner: str) -> list[dict[str, str]]:
        return [{"dial": f"127.0.0.1:{servers[owner]}"}]

    def switch(owner: str) -> None:
        asked = http.client.HTTPConnection("127.0.0.1", admin, timeout=30)
        asked.request("PATCH", "/id/live/upstreams", json.dumps(upstreams(owner)), {"content-type": "application/json"})
        answer = asked.getresponse()
        said = answer.read()
        asked.close()
        assert answer.status == 200, said

    live = {"@id": "live", "handler": "reverse_proxy", "upstreams": upstreams(first)}
    door = {
        "listen": [f"127.0.0.1:{port}"],
        "automatic_https": {"disable": True},
        "routes": [{"handle": [live]}],
    }
    config = folder / "caddy.json"
    config.write_text(
        json.dumps({"admin": {"listen": f"127.0.0.1:{admin}"}, "apps": {"http": {"servers": {"d": door}}}})
    )
    with _running([command, "run", "--config", str(config)], folder, port):
        yield Proxy(port, switch)


@contextmanager
def traefik(folder: Path, servers: Servers, first: str) -> Iterator[Proxy]:
    """Lend Traefik; a switch writes the weights into the file that it watches.

    By default it takes a change only 2 s after the last one; here that is 10 ms.
    """
    command, port = _command("traefik"), free_port()
    config = folder / "routes" / "routes.yml"  # JSON is YAML, and the only ending of the two that it reads
    config.parent.mkdir()
    each = {n: {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{p}"}]}} for n, p in servers.items()}

    def switch(owner: str) -> None:
        weights = [{"name": name, "weight": int(name == owner)} for name in servers]
        routers = {"all": {"rule": "PathPrefix(`/`)", "service": "live", "entryPoints": ["door"]}}
        services = {**each, "live": {"weighted": {"services": weights}}}
        _replace(config, json.dumps({"http": {"routers": routers, "services": services}}))

    switch(first)
    call = [
        command,
        f"--entrypoints.door.address=127.0.0.1:{port}",
        f"--providers.file.directory={config.parent}",
        "--providers.file.watch=true",
        "--providers.providersthrottleduration=10ms",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]
    with _running(call, folder, port):
        yield Proxy(port, switch)


@contextmanager
def kamal(folder: Path, servers: Servers, first: str) -> Iterator[Proxy]:
    """Lend kamal-proxy; a switch is `kamal-proxy deploy`, which checks the target's health and drains the old one."""
    command, port = _command("kamal-proxy"), free_port()
    home = {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "XDG_CONFIG_HOME": str(folder)}
    environ = os.environ | home

    def switch(owner: str) -> None:
        target = ["--target", f"127.0.0.1:{servers[owner]}", "--health-check-path", "/health"]
        call = [command, "deploy", "live", *target]
        done = subprocess.run(call, check=False, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    started = [command, "run", "--http-port", str(port), "--https-port", str(free_port())]
    with _running(started, folder, port, environ, any_answer=True):
        switch(first)
        yield Proxy(port, switch)


PROXIES = {"nginx reload": nginx, "HAProxy": haproxy, "Caddy": caddy, "Traefik": traefik, "kamal-proxy": kamal}


def _command(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Missing(f"{name} is not on PATH")
    return found


def _replace(file: Path, text: str) -> None:
    beside = file.with_suffix(".new")
    beside.write_text(text)
    beside.replace(file)


@contextmanager
def _running(
    command: list[str], folder: Path, port: int, environ: Mapping[str, str] | None = None, *, any_answer: bool = False
) -> Iterator[None]:
    """Run a command until the end; it counts as started with its first answer."""
    log = folder / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_for(port, process, log, any_answer=any_answer)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path, *, any_answer: bool) -> None:
    deadline = time.monotonic() + START_S
    while (status := _status(port)) is None or not (any_answer or status == 200):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Missing(f"{process.args} did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def _status(port: int) -> int | None:
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        asked.request("GET", "/health")
        return asked.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        asked.close()
