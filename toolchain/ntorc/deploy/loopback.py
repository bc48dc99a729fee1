"""An OpenSSH server on this computer's loopback, with keys and a configuration of its own.

A board behind SSH without a board: what tests and ``ntorc bench faults`` deploy to.  It listens on
a free port of 127.0.0.1, lets in one key that is made for it, and ends with its context.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from ntorc.deploy.ssh import SshAddress, SshClient
from ntorc.errors import DeploymentError, ToolError
from ntorc.processes import run_tool

_SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin")  # where sshd lies, often not on PATH
_START_LIMIT_S = 20.0
_ALIAS = "board.loopback"


def find_sshd() -> Path:
    """The server's program.

    Raises:
        ToolError: it is not installed.
    """
    path = shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS]))
    if path is None:
        raise ToolError("sshd was not found", "install it (Debian and Ubuntu: apt-get install openssh-server)")
    return Path(path)


class LoopbackServer:
    """A server for one board, below a folder of its own."""

    def __init__(self, folder: Path) -> None:
        """``folder`` receives its keys and configuration."""
        self.folder = folder.absolute()
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        """The client's configuration: where the server is, which key to show, which host key to expect."""
        return self.folder / "client.conf"

    def client(self, root: Path) -> SshClient:
        """A client for the board whose files are below ``root``."""
        return client_for(self.config, root)

    def url(self, root: Path) -> str:
        """The address for ``--target``; ``--ssh-config`` must name `config`."""
        return str(self.client(root).address)

    def __enter__(self) -> LoopbackServer:
        """Make keys, start the server, wait until it answers.

        Raises:
            ToolError: sshd is missing or does not start.
        """
        sshd = find_sshd()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in ("host", "user"):
            if not (self.folder / name).exists():
                run_tool(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.folder / name])
        (self.folder / "authorized_keys").write_bytes((self.folder / "user.pub").read_bytes())
        if os.getuid() == 0:
            # where sshd wants an empty folder, which a computer that runs one has
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.start(sshd)
        return self

    def start(self, sshd: Path | None = None) -> None:
        """Start the server, or start it again on the same port."""
        sshd = sshd or find_sshd()
        self.port = self.port or _free_port()
        self._write_configurations()
        with (self.folder / "sshd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(sshd), "-D", "-e", "-f", str(self.folder / "sshd.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline_s = time.monotonic() + _START_LIMIT_S
        while time.monotonic() < deadline_s and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1.0):
                return
            time.sleep(0.05)
        self.stop()
        raise ToolError("sshd did not start", (self.folder / "sshd.log").read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        """End the server; connections that are open stay."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=_START_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the server."""
        self.stop()

    def _write_configurations(self) -> None:
        folder = self.folder
        if " " in str(folder) or '"' in str(folder):
            raise DeploymentError(f"{folder} cannot be named in a configuration of ssh", "use a plain folder name")
        (folder / "sshd.conf").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\n"
            f"AuthorizedKeysFile {folder / 'authorized_keys'}\nPasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\n"
            "AllowTcpForwarding no\nX11Forwarding no\nPrintMotd no\nMaxStartups 100\nLogLevel INFO\n",
            encoding="utf-8",
        )
        public = (folder / "host.pub").read_text(encoding="utf-8").split()[:2]
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {' '.join(public)}\n", encoding="utf-8")
        self.config.write_text(
            f"Host {_ALIAS}\n  HostName 127.0.0.1\n  Port {self.port}\n  IdentityFile {folder / 'user'}\n"
            f"  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile {folder / 'known_hosts'}\n"
            "  GlobalKnownHostsFile /dev/null\n  ControlMaster no\n  ControlPath none\n",
            encoding="utf-8",
        )


def client_for(config: Path, root: Path) -> SshClient:
    """A client for a board behind the server whose client's configuration this is."""
    return SshClient(SshAddress(_ALIAS, pwd.getpwuid(os.getuid()).pw_name, None, str(root)), config)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
