"""Addresses of boards behind SSH, and the options that stand above a user's configuration."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntorc.deploy.loopback import LoopbackServer
from ntorc.deploy.ssh import SshAddress, SshClient, clean_owner
from ntorc.errors import UsageError


@pytest.mark.parametrize(
    "text",
    [
        "ssh://-oProxyCommand=touch%20x", "ssh://-oProxyCommand=x/", "ssh://host;touch x", "ssh://$(touch x)", "ssh://",
        "ssh://a b", "ssh://user@-host", "ssh://-user@host", "ssh://u;x@host", "ssh://host/a b", "ssh://host/a;b",
        "ssh://host/$(x)", "ssh://host/../etc", "ssh://host/-x", "ssh://host:0", "ssh://host:70000", "ssh://host:x",
        "ssh://u:secret@host", "ssh://host?x=1", "ssh://host#x", "http://host", "host", "ssh://host\n", "ssh://`x`",
        "ssh://[::1", "ssh://user@host@other", "ssh://host/a'b", 'ssh://host/a"b', "ssh://host\0",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        SshAddress.parse(text)


@given(st.text(max_size=40))
def test_no_text_becomes_an_option(text: str) -> None:
    try:
        address = SshAddress.parse(f"ssh://{text}")
    except UsageError:
        return
    words = SshClient(address).words("true")
    place = words.index("--")
    assert words[place + 1 :] == [address.host, "exec sh -c true"]
    assert not address.host.startswith("-")
    assert not (address.user or "x").startswith("-")
    assert SshAddress.parse(str(address)) == address


def test_addresses_keep_what_they_say() -> None:
    for text in ("ssh://xilinx@pynq", "ssh://Rack2", "ssh://a@b:2222", "ssh://[fe80::1]:22/srv/ntorc", "ssh://u@h/x/y"):
        assert str(SshAddress.parse(text)) == text
    assert str(SshAddress.parse("ssh://xilinx@pynq/")) == "ssh://xilinx@pynq"


def test_strictness_cannot_be_left_out(server: LoopbackServer, root: Path) -> None:
    words = server.client(root).words("true")
    options = [word for before, word in itertools.pairwise(words) if before == "-o"]
    assert "StrictHostKeyChecking=yes" in options
    assert "BatchMode=yes" in options


@pytest.mark.parametrize("name", ["", "-x", "a b", "a\n", "$(x)", "a'b", "x" * 101])
def test_owners_are_plain_names(name: str) -> None:
    with pytest.raises(UsageError):
        clean_owner(name)
