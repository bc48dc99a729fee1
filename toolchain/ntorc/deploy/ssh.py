"""Reaching a board by the user's own OpenSSH client: their config, their agent, their known hosts.

Nothing here accepts a host key: an unknown or changed one is an error that says what to do.  The
client is called with a list of arguments; host and user are checked so that they can be no options,
and what the board's shell gets is made of constants and of values that are checked or quoted.
"""

from __future__ import annotations

import getpass
import re
import shlex
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ntorc.errors import DeploymentError, UsageError

SCHEME = "ssh://"
DEFAULT_ROOT = "/var/lib/ntorc"
"""The agent's folder on a board."""
_USER = r"[A-Za-z_][A-Za-z0-9._-]{0,63}"
_HOST = r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}"
_IPV6 = r"[0-9A-Fa-f:]{2,39}(?:%[A-Za-z0-9._-]{1,16})?"
_ROOT = r"(?:/[A-Za-z0-9_][A-Za-z0-9._+-]*){1,20}"
# no part can begin with what makes it an option, or have a character that means something to a shell
_ADDRESS = re.compile(rf"ssh://(?:({_USER})@)?(?:({_HOST})|\[({_IPV6})\])(?::([0-9]{{1,5}}))?({_ROOT})?/?")
_EXAMPLE = "write it as ssh://user@host, ssh://user@host:port or ssh://user@host/folder/on/the/board"
_CONNECT_LIMIT_S = 15
# Above the user's configuration: never accept a key, never ask (there is no terminal to ask on), no
# forwarding into this computer, and notice a board that is gone.
_OPTIONS = (
    "BatchMode=yes", "StrictHostKeyChecking=yes", "ClearAllForwardings=yes", "ForwardAgent=no", "RemoteCommand=none",
    "RequestTTY=no", "PermitLocalCommand=no", f"ConnectTimeout={_CONNECT_LIMIT_S}", "ServerAliveInterval=10",
    "ServerAliveCountMax=3", "LogLevel=ERROR",
)  # fmt: skip


@dataclass(frozen=True)
class SshAddress:
    """Where a board is: ``ssh://[user@]host[:port][/root]``; what is left out is the user's configuration's.

    Attributes:
        host: a name, an alias of the user's configuration, or an address.
        user: or None.
        port: or None.
        root: the agent's folder on the board.
    """

    host: str
    user: str | None = None
    port: int | None = None
    root: str = DEFAULT_ROOT

    @classmethod
    def parse(cls, text: str) -> SshAddress:
        """Read an address.

        Raises:
            UsageError: it is not one; nothing in it can become an option or a command.
        """
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise UsageError(f"{text!r} is no address of a board", _EXAMPLE)
        user, host, ipv6, port, root = found.groups()
        if port is not None and not 1 <= int(port) <= 65535:
            raise UsageError(f"{text!r} names no port that can be", _EXAMPLE)
        return cls(host or ipv6, user, None if port is None else int(port), root or DEFAULT_ROOT)

    def __str__(self) -> str:
        """The address as it is written."""
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        root = "" if self.root == DEFAULT_ROOT else self.root
        return f"{SCHEME}{user}{host}{port}{root}"


@dataclass(frozen=True)
class SshClient:
    """The user's OpenSSH client for one board; ``config`` is another configuration file than theirs."""

    address: SshAddress
    config: Path | None = None
    program: str = "ssh"

    def words(self, script: str) -> list[str]:
        """The arguments that run a POSIX shell script on the board, whatever the user's shell there is.

        Args:
            script: made of constants and of quoted values.
        """
        address = self.address
        words = [self.program, "-T"]
        if self.config is not None:
            words += ["-F", str(self.config)]
        for option in _OPTIONS:
            words += ["-o", option]
        if address.port is not None:
            words += ["-p", str(address.port)]
        if address.user is not None:
            words += ["-l", address.user]
        return [*words, "--", address.host, f"exec sh -c {shlex.quote(script)}"]

    def run(self, script: str, content: bytes = b"", limit_s: float = 120.0) -> bytes:
        """Run a script with some input to its end; what it prints.

        Raises:
            DeploymentError: the board cannot be reached, or the script failed.
        """
        try:
            done = subprocess.run(
                self.words(script), input=content, capture_output=True, timeout=limit_s, check=False,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise DeploymentError("the program ssh was not found", "install OpenSSH's client") from error
        except subprocess.TimeoutExpired as error:
            raise DeploymentError(f"{self.address} did not answer within {limit_s:.0f} s", "see the network") from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise why_not(self.address, said) or DeploymentError(
                f"a step of the set-up failed on {self.address} (status {done.returncode})", said[-1000:]
            )
        return done.stdout


_REASONS: tuple[tuple[str, str, str], ...] = (
    # what OpenSSH says, what that means, what to do
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "another computer answers at {address} than the one that is known there",
        "find out why: a new card in the board, or somebody between; then `ssh-keygen -R {host}`; `ssh {login}`",
    ),
    (
        "Host key verification failed",
        "the host key of {address} is not known",
        "run `ssh {login}` once by hand, compare the fingerprint with the board's own, and accept it there",
    ),
    (
        "is known for",  # "No ED25519 host key is known for ... and you have requested strict checking."
        "the host key of {address} is not known",
        "run `ssh {login}` once by hand, compare the fingerprint with the board's own, and accept it there",
    ),
    (
        "Permission denied",
        "{address} lets nobody in with the keys that ssh has",
        "give the board your key: `ssh-copy-id {login}`; a password is never asked for here",
    ),
    ("Could not resolve hostname", "there is no host {host}", "see its name, or your ssh configuration"),
    ("Connection refused", "nothing listens for ssh at {address}", "see that the board is on and its sshd runs"),
    ("No route to host", "{address} cannot be reached", "see that the board is on and in the network"),
    ("timed out", "{address} does not answer", "see that the board is on and in the network"),
    (
        "a password is required",
        "the user at {address} cannot become root without a password, which programming logic needs",
        "allow it with a line in /etc/sudoers.d on the board, or use ssh://root@{host}",
    ),
    ("python3: not found", "{address} has no python3", "use a PYNQ image, or install Python 3.10 with pynq"),
)


def why_not(address: SshAddress, said: str) -> DeploymentError | None:
    """An error that says what to do, from what OpenSSH or the board's shell said; None: nothing known."""
    login = f"{address.user}@{address.host}" if address.user else address.host
    if address.port:
        login = f"-p {address.port} {login}"
    for sign, message, hint in _REASONS:
        if sign in said:
            fields = {"address": str(address), "host": address.host, "login": login}
            return DeploymentError(message.format(**fields), hint.format(**fields))
    return None


def owner_name() -> str:
    """For whom this computer works on a board: ``user@computer``, in plain characters."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"
    return clean_owner(f"{user}@{socket.gethostname()}")


def clean_owner(name: str) -> str:
    """A name that a lease can be to.

    Raises:
        UsageError: it is empty or has other characters than letters, digits and ``_.@+-``.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,99}", name):
        raise UsageError(f"{name!r} is no name for a lease", "letters, digits and `_.@+-`, at most 100")
    return name
