"""What goes to a board behind SSH: only what is missing, and only what it takes for good."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from ssh_lab import ssh_target
from target_contract import Heard
from virtual_lab import bundle_of

from ntorc.boards import load_board
from ntorc.bundle.bundle import Bundle
from ntorc.bundle.keys import SigningKey
from ntorc.deploy.loopback import LoopbackServer
from ntorc.deploy.ssh_target import SshTarget
from ntorc.errors import BundleError, DeploymentError, NtorcError, UsageError


def test_only_what_is_missing_is_sent_and_resumed(
    server: LoopbackServer, root: Path, tmp_path: Path, key: SigningKey, bundle: Bundle, other_bundle: Bundle
) -> None:
    logic = (bundle.folder / "logic.so").read_bytes()
    digest = bundle.manifest.files["logic.so"]
    with ssh_target(server, root, tmp_path / "w", key) as target:
        data = base64.b64encode(logic[:5000]).decode()
        target._ask("put", {"sha256": digest, "offset": 0, "data": data, "last": False})  # and then it was cut off
    with ssh_target(server, root, tmp_path / "w", key) as target:
        assert target._ask("have", {"sha256": digest}) == {"whole": False, "bytes": 5000}
        heard = Heard()
        target.install(bundle.folder, heard)
        uploads = {what for what, _, _ in heard.steps if what.startswith("upload")}
        assert len(uploads) == 5
        heard = Heard()
        target.install(other_bundle.folder, heard)
        assert {what for what, _, _ in heard.steps if what.startswith("upload")} == {"upload 1 of 1 kB"}
        heard = Heard()
        target.install(other_bundle.folder, heard)  # the same again
        assert not [what for what, _, _ in heard.steps if what.startswith("upload")]
        assert target.status().previous == bundle.manifest.design_id
    assert not (root / "uploads").exists()


def test_a_bitstream_is_not_sent_to_a_simulated_board(
    remote: SshTarget, bundle: Bundle, lab: Path, key: SigningKey
) -> None:
    remote.install(bundle.folder)
    bitstream = bundle_of(lab / "kind", key, "00000000c0ffee0b", kind="bitstream")
    heard = Heard()
    with pytest.raises(BundleError, match="of the kind bitstream, and this board's logic is simulated"):
        remote.install(bitstream.folder, heard)
    assert (heard.messages, heard.steps) == ([], [])
    status = remote.status()
    assert status.confirmed == status.programmed == bundle.manifest.design_id


def test_the_board_itself_refuses_what_is_altered_or_replayed(
    remote: SshTarget, bundle: Bundle, other_bundle: Bundle, key: SigningKey
) -> None:
    """Whatever a client sends: the signature is checked on the manifest, the digest on each file."""
    remote.install(other_bundle.folder)
    manifest, signature = (bundle.folder / "manifest.json").read_bytes(), (bundle.folder / "manifest.sig").read_bytes()

    def offer(content: bytes, signed: bytes) -> dict[str, object]:
        sizes = dict.fromkeys(bundle.manifest.files.values(), 10)
        fields = {"manifest": base64.b64encode(content).decode(), "signature": base64.b64encode(signed).decode()}
        return remote._ask("offer", {**fields, "sizes": sizes})

    with pytest.raises(BundleError, match="was replayed"):
        offer(manifest, signature)
    for bit in range(0, len(manifest) * 8, 997):
        altered = bytearray(manifest)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BundleError):
            offer(bytes(altered), signature)
    with pytest.raises(BundleError, match="did not arrive"):
        remote._ask("put", {"sha256": "0" * 64, "offset": 0, "data": base64.b64encode(b"x").decode(), "last": True})
    with pytest.raises(UsageError, match="not offered"):
        remote._ask("install", {"digest": bundle.digest})
    assert remote.status().confirmed == remote.status().programmed == other_bundle.manifest.design_id


def test_an_install_without_its_files(remote: SshTarget, bundle: Bundle) -> None:
    manifest, signature = (bundle.folder / "manifest.json").read_bytes(), (bundle.folder / "manifest.sig").read_bytes()
    sizes = dict.fromkeys(bundle.manifest.files.values(), 10)
    fields = {"manifest": base64.b64encode(manifest).decode(), "signature": base64.b64encode(signature).decode()}
    answer = remote._ask("offer", {**fields, "sizes": sizes})
    with pytest.raises(UsageError, match="was not sent"):
        remote._ask("install", {"digest": answer["digest"]})
    assert remote.status().confirmed is None
    huge = dict.fromkeys(bundle.manifest.files.values(), 1 << 39)
    with pytest.raises(DeploymentError, match="do not fit"):
        remote._ask("offer", {**fields, "sizes": huge})


NO_RECIPE: dict[str, object] = {"sources": {}, "products": {}, "flags": [], "includes": []}


@pytest.mark.parametrize(
    "op, fields",
    [
        ("put", {}), ("put", {"sha256": "../../x", "offset": 0, "data": "", "last": True}),
        ("put", {"sha256": "0" * 64, "offset": 7, "data": "", "last": False}),
        ("put", {"sha256": "0" * 64, "offset": 0, "data": "&&", "last": False}),
        ("have", {"sha256": "/etc/passwd"}), ("get", {"offset": -1}), ("get", {}), ("offer", {}),
        ("offer", {"manifest": "&", "signature": "", "sizes": {}}), ("firmware", {"digest": "x"}),
        ("firmware", {"digest": "0" * 64, "recipe": NO_RECIPE}),
        ("firmware", {"digest": "0" * 64, "recipe": {**NO_RECIPE, "sources": {"../x.c": ""}}}),
        ("firmware", {"digest": "0" * 64, "recipe": {**NO_RECIPE, "flags": ["-fplugin=/x"]}}),
        ("firmware", {"digest": "0" * 64, "recipe": {**NO_RECIPE, "flags": ["x.c"]}}),
        ("firmware", {"digest": "0" * 64, "recipe": []}), ("firmware", {"digest": "0" * 64, "recipe": {}}),
        ("enrol", {"settings": {}, "public": "0" * 64}), ("trust", {"public": "x"}), ("revoke", {"key_id": "../x"}),
        ("lease", {}), ("lease", {"seconds": 0}), ("lease", {"seconds": True}), ("lease", {"seconds": 10**9}),
        ("measure", {"samples_sha256": "x", "estimates": 1}),
    ],
)  # fmt: skip
def test_requests_that_make_no_sense(remote: SshTarget, op: str, fields: dict[str, object]) -> None:
    with pytest.raises(NtorcError) as caught:
        remote._ask(op, fields)
    assert caught.value.hint
    assert remote.hello().board == "pynq-z2"


def test_bundles_for_other_boards_or_parts_are_refused_before_anything_is_sent(
    remote: SshTarget, lab: Path, key: SigningKey, tmp_path: Path
) -> None:
    board = load_board("pynq-z2")
    for number, other, said in (
        (1, replace(board, name="zybo"), "for the board zybo"),
        (2, replace(board, part="xc7z010clg400-1"), "for the part xc7z010clg400-1"),
    ):
        heard = Heard()
        with pytest.raises(BundleError, match=said):
            remote.install(bundle_of(lab / "others", key, f"00000000c0ffee6{number}", board=other).folder, heard)
        assert heard.steps == []
    outside = tmp_path / "outside"
    outside.mkdir()
    manifest = {"files": {"../../etc/passwd": "0" * 64}}
    (outside / "manifest.json").write_text(json.dumps(manifest))
    (outside / "manifest.sig").write_text("{}")
    with pytest.raises(BundleError, match="not allowed"):
        remote.install(outside)
    assert remote.status().confirmed is None
