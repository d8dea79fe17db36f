"""A real sshd on loopback, for tests: keys, account and home directory of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import List

STARTING = 120.0
"""Seconds that sshd may take to listen, and to answer: only a hang comes near it."""


class Sshd:
    """It lets root in with one key, into a home directory that is not root's, and ends with everybody it has let in."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = directory / "account"
        self.home.mkdir(parents=True)
        for key in ("host", "user", "stranger"):
            keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", str(directory / key)]
            subprocess.run(keygen, check=True)
        shutil.copy(directory / "user.pub", directory / "authorized_keys")
        self.behave()
        # Another process may be given the port between the two: then sshd ends, and the next port is tried.
        for _ in range(10):
            self._listen()
            if self._is_up():
                break
            self.close()
        else:
            raise AssertionError((directory / "log").read_text())
        host = (directory / "host.pub").read_text()
        (directory / "known_hosts").write_text(f"test-server {host}")
        self._write_client("client", "user")
        self._write_client("stranger-client", "stranger")

    def behave(self, line: str = 'exec sh -c "$SSH_ORIGINAL_COMMAND"') -> None:
        """Has the account's shell do this, in place of what a client asks for."""
        login = self.directory / "login"
        draft = self.directory / "login.new"
        draft.write_text(f"#!/bin/sh\nexport HOME='{self.home}'\ncd\n{line}\n")
        draft.chmod(0o755)
        draft.rename(login)

    @property
    def address(self) -> str:
        return f"root@127.0.0.1:{self.port}"

    def ssh(self, client: str = "client") -> List[str]:
        """The program that reaches it."""
        return ["ssh", "-F", str(self.directory / client)]

    def stored(self) -> List[str]:
        """Names in the account's home directory, those that begin with a point left out."""
        return sorted(path.name for path in self.home.iterdir() if not path.name.startswith("."))

    def uploads(self) -> List[Path]:
        """What is under way there, or was left by somebody."""
        return sorted(self.home.glob(".xdocker/upload.*"))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        directory = self.directory
        (directory / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {directory}/host\n"
            f"AuthorizedKeysFile {directory}/authorized_keys\nForceCommand {directory}/login\nPidFile none\n"
            "StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            "PermitRootLogin yes\nMaxStartups 100\nUseDNS no\nLogLevel INFO\n"
        )
        # It is the first process of a PID namespace: with it goes everybody whom it let in. And it insists on a directory
        # of its own in /run.
        line = (
            'mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec "$(command -v sshd || echo /usr/sbin/sshd)" '
            '-D -f "$0" -E "$1"'
        )
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "sh", "-c", line]
        self._process = subprocess.Popen(
            [*unshare, os.fspath(directory / "config"), os.fspath(directory / "log")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _is_up(self) -> bool:
        # Who answers at the port may be somebody else.
        listens, log = f"Server listening on 127.0.0.1 port {self.port}.", self.directory / "log"
        deadline = time.monotonic() + STARTING
        while self._process.poll() is None and time.monotonic() < deadline:
            if log.exists() and listens in log.read_text():
                return True
            time.sleep(0.01)
        return False

    def _write_client(self, name: str, key: str) -> None:
        (self.directory / name).write_text(
            f"HostKeyAlias test-server\nUserKnownHostsFile {self.directory}/known_hosts\nGlobalKnownHostsFile none\n"
            f"StrictHostKeyChecking yes\nIdentityFile {self.directory / key}\nIdentitiesOnly yes\nIdentityAgent none\n"
            f"BatchMode yes\nLogLevel ERROR\nConnectTimeout {STARTING:.0f}\n"
        )
