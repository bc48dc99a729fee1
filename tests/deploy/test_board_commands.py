"""``ntorc board``, ``ntorc keys`` and ``ntorc doctor --target`` as their user calls them, against a real sshd."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy
import pytest
from ssh_lab import board_root
from virtual_lab import bundle_of

from cli_program import Program
from ntorc.bundle.keys import signing_key
from ntorc.deploy.loopback import LoopbackServer
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Dense
from ntorc.network.network import random_network


def test_a_board_from_its_first_day(
    fresh_program: Program, server: LoopbackServer, tmp_path: Path, lab: Path
) -> None:
    program, root = fresh_program, board_root(tmp_path / "board")
    words = ("board", "add", "rack1", server.url(root), "--simulated", "--ssh-config", server.config)
    added = program.json(*words)
    own = program.json("keys", "show")
    assert added["trusted"] == [own["id"]]
    assert added["info"]["is_simulated"] is True
    assert [one["name"] for one in program.json("board", "list")["added"]] == ["rack1"]
    key = signing_key(program.home / "keys")
    first, second = (bundle_of(lab / "commands", key, f"00000000c0ffee5{number}") for number in (1, 2))
    assert program.json("board", "install", "rack1", first.folder)["replaced"] is None
    assert program.json("board", "install", "rack1", second.folder)["replaced"] == first.manifest.design_id
    assert program.json("board", "rollback", "rack1")["design_id"] == first.manifest.design_id
    refused = program("board", "install", "rack1", bundle_of(lab / "c", key, "00000000c0ffee53", sequence=1).folder)
    assert refused.returncode == 1
    assert "was replayed" in refused.stderr
    lease = program.json("board", "lease", "rack1", "--for", "30min")
    assert 1700 < lease["lease_left_s"] <= 1800
    status = program("board", "status", "rack1")
    assert f"confirmed   {first.manifest.design_id}, whole" in status.stdout
    assert lease["lease_owner"] in status.stdout
    assert "no real logic" in status.stdout
    tools = {one["name"]: one for one in program.json("doctor", "--target", "rack1")["tools"]}
    assert tools["board"]["present"]
    assert own["id"] in tools["your key there"]["detail"]
    assert program.json("board", "lease", "rack1", "--release")["lease_owner"] is None
    # another key is trusted on the board, and revoked there
    friend = signing_key(tmp_path / "friend")
    program.json("keys", "trust", friend.public.hex(), "--target", "rack1")
    program.json("keys", "revoke", friend.key_id, "--target", "rack1")
    assert program.json("keys", "list", "--target", "rack1")["revoked"] == [friend.key_id]
    assert program.json("board", "remove", "rack1") == {"removed": "rack1"}
    assert (root / "slots" / "confirmed").exists()
    gone = program("board", "status", "rack1")
    assert gone.returncode == 2
    assert "known targets: virtual" in gone.stderr


def test_a_device_tree_overlay_from_the_command_to_the_agent(fresh_program: Program, tmp_path: Path) -> None:
    program, tree = fresh_program, tmp_path / "mine.dtbo"
    word = FixedFormat(12, 8)
    layers = (Dense("dense", 16, 1, 1, FixedFormat(8, 6), word),)
    network = random_network(1, word, 16, layers).save(tmp_path / "network")
    words = ("build", network, "--board", "pynq-z2", "--deadline", "200us", "--dtbo", tree)
    for content, told in ((None, "cannot read"), (b"/dts-v1/;", "no compiled device-tree overlay")):
        if content is not None:
            tree.write_bytes(content)
        done = program(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr
    tree.write_bytes(bytes.fromhex("d00dfeed00000000"))
    done = program(*words)
    assert done.returncode == 0, done.stderr
    assert re.search(r"synthesised \d+ LUT, \d+ FF, \d+ DSP, \d+ BRAM18\n", done.stdout)
    bundle = Path(done.stdout.split()[1])
    assert (bundle / "design.dtbo").read_bytes() == tree.read_bytes()
    installed = program("board", "install", "virtual", bundle)
    assert installed.returncode == 0, installed.stderr
    assert "programming, with its device-tree overlay" in installed.stderr
    plain = program.json(*words[:-2])["bundle"]
    assert plain != str(bundle)
    again = program("board", "install", "virtual", plain)
    assert again.returncode == 0, again.stderr
    assert "with its device-tree" not in again.stderr


def test_a_board_whose_python_has_no_pynq_is_warned_of(
    fresh_program: Program, server: LoopbackServer, tmp_path: Path
) -> None:
    program = fresh_program
    (tmp_path / "bare").mkdir()
    hidden = tmp_path / "bare" / "python-without-pynq"  # its packages: numpy alone
    hidden.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path / "bare"} exec {sys.executable} -S "$@"\n', encoding="utf-8")
    hidden.chmod(0o755)
    (tmp_path / "bare" / "numpy").symlink_to(Path(numpy.__file__).parent)
    for libraries in Path(numpy.__file__).parents[1].glob("numpy.libs"):
        (tmp_path / "bare" / libraries.name).symlink_to(libraries)
    root = board_root(tmp_path / "board", hidden)
    words = ("board", "add", "bare", server.url(root), "--simulated", "--ssh-config", server.config)
    added = program(*words, "--json")
    assert added.returncode == 0, added.stderr
    assert json.loads(added.stdout)["info"]["pynq_version"] == "not installed"
    assert "warning: bare has no pynq" in added.stderr
    doctor = program("doctor", "--target", "bare")
    assert doctor.returncode == 1
    assert "missing: pynq there" in doctor.stderr
    assert "on the board, not here" in doctor.stderr
    assert "make setup" not in doctor.stderr


def test_keys_on_this_computer(fresh_program: Program, tmp_path: Path) -> None:
    program = fresh_program
    assert program.json("keys", "list") == {"signing": None, "trusted": [], "revoked": []}
    first = program.json("keys", "create")
    again = program("keys", "create")
    assert again.returncode == 2
    assert "--replace" in again.stderr
    second = program.json("keys", "create", "--replace")
    assert second["id"] != first["id"]
    assert {one["id"] for one in program.json("keys", "list")["trusted"]} == {first["id"], second["id"]}
    program.json("keys", "revoke", first["id"])
    assert program.json("keys", "list")["revoked"] == [first["id"]]
    refused = program("keys", "trust", first["public"])
    assert refused.returncode == 2
    assert "--again" in refused.stderr
    program.json("keys", "trust", first["public"], "--again")
    program.json("keys", "revoke", second["id"])
    assert "was revoked" in program("keys", "show").stderr
    kept = sorted(path.name for path in (program.home / "keys").glob("*.key"))
    assert kept == [f"old-{first['id']}.key", "signing.key"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (program.home / "keys").glob("*.key"))


@pytest.mark.parametrize(
    "words, told",
    [
        (("board", "lease", "virtual"), "yours alone"),
        (("board", "lease", "ssh://x", "--for", "5"), "span of time"),
        (("board", "add", "virtual", "ssh://x"), "no name for a board"),
        (("board", "add", "a b", "ssh://x"), "no name for a board"),
        (("board", "add", "x", "ssh://-oProxyCommand=id"), "no address"),
        (("board", "add", "x", "ssh://x", "--ssh-config", "/nowhere"), "no file"),
        (("board", "remove", "x"), "no board"),
        (("board", "status", "nowhere"), "no target"),
        (("keys", "revoke", "x"), "no key's id"),
        (("keys", "trust", "x"), "64 hex digits"),
        (("doctor", "--target", "nowhere"), "no target"),
    ],
)
def test_wrong_words(program: Program, words: tuple[str, ...], told: str) -> None:
    done = program(*words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert told in done.stderr


def test_deploying_to_a_board_that_is_not_there_fails_before_any_work(program: Program) -> None:
    words = ("deploy", "--board", "pynq-z2", "--deadline", "500us", "--target", "ssh://nobody@127.0.0.1:1", "--json")
    known = program("board", "list", "--json").stdout
    done = program(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing listens" in done.stderr
    assert "train:" not in done.stderr
    assert program("board", "list", "--json").stdout == known
