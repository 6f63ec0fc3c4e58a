"""The sandbox as a process of its own: one port, all vendors, and no write lost when it is killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from integrations.simulation.sandbox import simulators

ROOT = Path(__file__).parents[2]


class Sandbox:
    """A sandbox in a process group of its own."""

    def __init__(self, state: Path) -> None:
        self.state, self.port = state, _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = (
            "import sys; from pathlib import Path; from integrations.simulation.sandbox import serve;"
            "serve(port=int(sys.argv[1]), state=Path(sys.argv[2]), limits=0)"
        )
        arguments = [sys.executable, "-c", program, str(self.port), str(self.state)]
        self.process = subprocess.Popen(arguments, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                requests.get(self.address, timeout=1)
                return
            except (requests.ConnectionError, requests.Timeout):  # it listens before it can answer
                time.sleep(0.05)
        raise AssertionError("the sandbox did not start within 30 s")

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def control(self, name: str, **arguments: Any) -> Any:
        answer = requests.post(f"{self.address}/quickbooks_online/_control/{name}", json=arguments, timeout=10).json()
        assert "error" not in answer, answer
        return answer["result"]

    def write(self, token: str, realm: str, body: dict[str, Any], timeout: float = 10) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        url = f"{self.address}/quickbooks_online/v3/company/{realm}/customer"
        return requests.post(url, json=body, headers=headers, timeout=timeout)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path / "vendors")
    sandbox.start()
    yield sandbox
    sandbox.kill()


def test_every_vendor_is_found() -> None:
    assert "quickbooks_online" in simulators()
    assert all(vendor.slug == slug for slug, vendor in simulators().items())


def test_what_was_written_is_still_there_after_a_kill(sandbox: Sandbox) -> None:
    realm = next(iter(sandbox.control("companies")))
    token = sandbox.control("connect")["access_token"]
    for number in range(20):
        assert sandbox.write(token, realm, {"DisplayName": f"Customer {number}"}).status_code == 200
    sandbox.kill()
    sandbox.start()
    assert len(sandbox.control("documents", kind="Customer")) == 20
    assert sandbox.control("status")["counts"]["create Customer"] == 20
    assert sandbox.write(token, realm, {"DisplayName": "Customer 20"}).json()["Customer"]["Id"] == "21"


def test_a_reply_is_lost_over_the_wire_and_the_write_is_done(sandbox: Sandbox) -> None:
    realm = next(iter(sandbox.control("companies")))
    token = sandbox.control("connect")["access_token"]
    sandbox.control("misbehave", what="drop", on="write")
    with pytest.raises(requests.ConnectionError):
        sandbox.write(token, realm, {"DisplayName": "Ann"})
    assert [customer["DisplayName"] for customer in sandbox.control("documents", kind="Customer")] == ["Ann"]
    assert sandbox.write(token, realm, {"DisplayName": "Bea"}).status_code == 200


def test_a_slow_reply_does_not_stop_the_others(sandbox: Sandbox) -> None:
    realm = next(iter(sandbox.control("companies")))
    token = sandbox.control("connect")["access_token"]
    sandbox.control("misbehave", what="slow", on="write", moment="after", seconds=2)
    with pytest.raises(requests.ReadTimeout):
        sandbox.write(token, realm, {"DisplayName": "Ann"}, timeout=0.3)
    began = time.monotonic()
    assert sandbox.write(token, realm, {"DisplayName": "Bea"}).status_code == 200
    assert time.monotonic() - began < 1.5
    assert len(sandbox.control("documents", kind="Customer")) == 2


def test_a_vendor_knows_its_own_address(sandbox: Sandbox) -> None:
    found = requests.get(f"{sandbox.address}/quickbooks_online/.well-known/openid_configuration/", timeout=10).json()
    assert found["token_endpoint"] == f"{sandbox.address}/quickbooks_online/oauth2/v1/tokens/bearer"
    assert requests.get(f"{sandbox.address}/nobody/", timeout=10).status_code == 404
    assert "quickbooks_online" in requests.get(sandbox.address, timeout=10).text


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
