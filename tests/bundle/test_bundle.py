"""Bundles: deterministic, and refused when anything is not as signed."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ntorc.bundle.bundle import Bundle, BundleParts, SelfTestVectors, make_bundle, read_bundle
from ntorc.bundle.keys import SigningKey, signing_key
from ntorc.errors import BundleError, StorageError
from ntorc_board.manifest import canonical_json, signature_file

Change = Callable[[dict[str, Any]], object]


def trusted(key: SigningKey) -> dict[str, bytes]:
    return {key.key_id: key.public}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def resigned(bundle: Bundle, key: SigningKey, change: Change) -> None:
    """Alter the manifest and sign it again: what a trusted but mistaken maker could give."""
    path = bundle.folder / "manifest.json"
    fields = json.loads(path.read_bytes())
    change(fields)
    content = canonical_json(fields)
    path.write_bytes(content)
    (bundle.folder / "manifest.sig").write_bytes(signature_file(key.key_id, key.sign(content)))


def test_reads_back_what_was_made(bundle: Bundle, parts: BundleParts, key: SigningKey) -> None:
    again = read_bundle(bundle.folder, trusted(key), "pynq-z2", "xc7z020clg400-1")
    assert again == bundle
    manifest = again.manifest
    assert (manifest.name, manifest.board, manifest.clock_hz) == ("sum", "pynq-z2", 100_000_000)
    assert (manifest.window, manifest.hop, manifest.kind) == (parts.window, parts.hop, "virtual")
    assert sorted(manifest.files) == [
        "design.hwh", "logic.so", "network/network.json", "registers.json", "vectors.npz",
    ]  # fmt: skip
    for name, digest in manifest.files.items():
        assert hashlib.sha256((bundle.folder / name).read_bytes()).hexdigest() == digest
    with np.load(bundle.folder / "vectors.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["samples"], parts.vectors.samples)
        np.testing.assert_array_equal(arrays["results"], parts.vectors.results)
        assert arrays["hop"] == parts.vectors.hop


def test_equal_input_gives_equal_bytes(tmp_path: Path, parts: BundleParts, key: SigningKey) -> None:
    one = make_bundle(tmp_path / "one", parts, key)
    for path in one.folder.rglob("*"):
        os.utime(path, (0, 0))
    two = make_bundle(tmp_path / "elsewhere" / "two", parts, key)
    assert contents(one.folder) == contents(two.folder)
    assert one.digest == two.digest


def test_a_bundle_replaces_an_older_one_and_nothing_else(
    bundle: Bundle, parts: BundleParts, key: SigningKey, tmp_path: Path
) -> None:
    newer = make_bundle(bundle.folder, replace(parts, name="newer"), key)
    assert read_bundle(bundle.folder, trusted(key)).manifest.name == "newer"
    assert newer.digest != bundle.digest
    (tmp_path / "empty").mkdir()
    make_bundle(tmp_path / "empty", parts, key)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(BundleError, match="is not a bundle"):
        make_bundle(mine, parts, key)
    assert (mine / "thesis.txt").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "empty", "mine"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_altered_bit_is_refused(bundle: Bundle, key: SigningKey, data: st.DataObject) -> None:
    files = contents(bundle.folder)
    name = data.draw(st.sampled_from(sorted(files)))
    bit = data.draw(st.integers(0, len(files[name]) * 8 - 1))
    altered = bytearray(files[name])
    altered[bit // 8] ^= 1 << bit % 8
    path = bundle.folder / name
    path.write_bytes(altered)
    try:
        with pytest.raises(BundleError):
            read_bundle(bundle.folder, trusted(key))
    finally:
        path.write_bytes(files[name])


def test_every_character_of_the_signature_file_counts(bundle: Bundle, key: SigningKey) -> None:
    """Its text could mean the same with other letters or spaces; those are refused too."""
    path = bundle.folder / "manifest.sig"
    right = path.read_bytes()
    for bit in range(0, len(right) * 8, 3):  # each character in two or three ways
        altered = bytearray(right)
        altered[bit // 8] ^= 1 << bit % 8
        path.write_bytes(altered)
        with pytest.raises(BundleError):
            read_bundle(bundle.folder, trusted(key))
    for altered_text in (right + b"\n", b" " + right, right[:-1], b"", b"[]", b"[" * 200_000):
        path.write_bytes(altered_text)
        with pytest.raises(BundleError):
            read_bundle(bundle.folder, trusted(key))


@pytest.mark.parametrize(
    "name", ["design.hwh", "logic.so", "network/network.json", "registers.json", "vectors.npz", "manifest.json",
             "manifest.sig"],
)  # fmt: skip
def test_a_missing_file_is_refused(bundle: Bundle, key: SigningKey, name: str) -> None:
    (bundle.folder / name).unlink()
    with pytest.raises(BundleError, match=Path(name).name):
        read_bundle(bundle.folder, trusted(key))


@pytest.mark.parametrize("name", ["extra", "network/extra", ".hidden", "deep/extra"])
def test_an_unlisted_file_is_refused(bundle: Bundle, key: SigningKey, name: str) -> None:
    path = bundle.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")
    with pytest.raises(BundleError, match="unlisted"):
        read_bundle(bundle.folder, trusted(key))


def test_empty_folders_links_and_pipes_are_refused(bundle: Bundle, key: SigningKey, tmp_path: Path) -> None:
    (bundle.folder / "empty").mkdir()
    with pytest.raises(BundleError, match="unlisted"):
        read_bundle(bundle.folder, trusted(key))
    (bundle.folder / "empty").rmdir()
    for name in ("logic.so", "manifest.json", "manifest.sig"):
        path = bundle.folder / name
        outside = tmp_path / f"{name}.outside"
        path.rename(outside)
        path.symlink_to(outside)  # the same bytes, but they could change at any time
        with pytest.raises(BundleError):
            read_bundle(bundle.folder, trusted(key))
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(BundleError):
            read_bundle(bundle.folder, trusted(key))
        path.unlink()
        outside.rename(path)
    read_bundle(bundle.folder, trusted(key))


@pytest.mark.parametrize(
    "name",
    ["../outside", "/etc/passwd", "network/../../outside", "a//b", "a/", "", ".", "..", "network/.", "a\\b", "a\nb",
     "a\0b", "-option", ".hidden", "x" * 101, "/".join(["y" * 60] * 5), "manifest.json", "manifest.sig", "ä"],
)  # fmt: skip
def test_names_that_could_leave_the_folder_are_refused_even_when_signed(
    bundle: Bundle, key: SigningKey, name: str
) -> None:
    (bundle.folder.parent / "outside").write_bytes(b"")
    digest = hashlib.sha256(b"").hexdigest()
    resigned(bundle, key, lambda fields: fields["files"].update({name: digest}))
    with pytest.raises(BundleError, match=r"not allowed|cannot list itself"):
        read_bundle(bundle.folder, trusted(key))


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: fields.update(format="ntorc-bundle-1"),
        lambda fields: fields.pop("hop"),
        lambda fields: fields.update(more=1),
        lambda fields: fields.update(clock_hz=True),
        lambda fields: fields.update(sequence=0),
        lambda fields: fields.update(sequence=-1),
        lambda fields: fields.update(clock_hz=1e8),
        lambda fields: fields.update(clock_hz=0),
        lambda fields: fields.update(window=-1),
        lambda fields: fields.update(design_id="0x1"),
        lambda fields: fields.update(design_id="00000000C0FFEE01"),
        lambda fields: fields.update(kind="firmware"),
        lambda fields: fields.update(kind="bitstream"),
        lambda fields: fields.update(files=[]),
        lambda fields: fields.update(versions={"tool": 1}),
        lambda fields: fields["files"].update({"logic.so": "0" * 63}),
        lambda fields: fields["files"].update({"logic.so": 1}),
        lambda fields: fields["files"].pop("vectors.npz"),
        lambda fields: fields["files"].update({f"n{i}": "0" * 64 for i in range(5000)}),
    ],
)
def test_manifests_that_make_no_sense_are_refused_even_when_signed(
    bundle: Bundle, key: SigningKey, change: Change
) -> None:
    resigned(bundle, key, change)
    with pytest.raises(BundleError):
        read_bundle(bundle.folder, trusted(key))


def test_a_signed_manifest_that_is_no_object(bundle: Bundle, key: SigningKey) -> None:
    for content in (b"[]", b"", b"\xff", b"[" * 200_000, b"1"):
        (bundle.folder / "manifest.json").write_bytes(content)
        (bundle.folder / "manifest.sig").write_bytes(signature_file(key.key_id, key.sign(content)))
        with pytest.raises(BundleError):
            read_bundle(bundle.folder, trusted(key))


def test_keys_boards_and_parts_must_fit(bundle: Bundle, key: SigningKey, tmp_path: Path) -> None:
    other = signing_key(tmp_path / "other")
    with pytest.raises(BundleError, match="not trusted"):
        read_bundle(bundle.folder, trusted(other))
    with pytest.raises(BundleError, match="not trusted"):
        read_bundle(bundle.folder, {})
    with pytest.raises(BundleError, match="signature does not fit"):
        read_bundle(bundle.folder, {key.key_id: other.public})
    with pytest.raises(BundleError, match="for the board pynq-z2"):
        read_bundle(bundle.folder, trusted(key), board="zybo")
    with pytest.raises(BundleError, match="for the part xc7z020clg400-1"):
        read_bundle(bundle.folder, trusted(key), part="xc7z010clg400-1")


def test_a_folder_that_is_no_bundle(tmp_path: Path, key: SigningKey) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BundleError, match=r"manifest\.json"):
            read_bundle(folder, trusted(key))


def test_vectors_must_fit_their_results(tmp_path: Path, parts: BundleParts, key: SigningKey) -> None:
    right = parts.vectors
    wrong = [
        SelfTestVectors(right.samples[:-1], right.results, right.hop),
        SelfTestVectors(right.samples.astype(np.int64), right.results, right.hop),
        SelfTestVectors(right.samples, right.results.reshape(1, -1), right.hop),
        SelfTestVectors(right.samples, right.results[:0], right.hop),
        SelfTestVectors(right.samples, right.results, 0),
    ]
    for vectors in wrong:
        with pytest.raises(BundleError, match="self-test"):
            make_bundle(tmp_path / "bundle", replace(parts, vectors=vectors), key)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "other"},
        {"design_id": "xyz"},
        {"clock_hz": 1000},
        {"network": {"../../outside": b""}},
        {"network": {"missing": Path("no such file")}},
        {"logic": Path("no such logic")},
    ],
)
def test_parts_that_do_not_fit_leave_nothing_behind(
    tmp_path: Path, parts: BundleParts, key: SigningKey, change: dict[str, Any]
) -> None:
    with pytest.raises(BundleError):
        make_bundle(tmp_path / "bundle", replace(parts, **change), key)
    assert list(tmp_path.iterdir()) == []


def test_network_files_may_be_copied_from_paths(tmp_path: Path, parts: BundleParts, key: SigningKey) -> None:
    weights = tmp_path / "weights.npz"
    weights.write_bytes(b"weights")
    bundle = make_bundle(tmp_path / "bundle", replace(parts, network={"deep/weights.npz": weights}), key)
    assert (bundle.folder / "network" / "deep" / "weights.npz").read_bytes() == b"weights"


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path, parts: BundleParts, key: SigningKey) -> None:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
            with pytest.raises(StorageError, match="no space left"):
                make_bundle(tmp_path / "bundle", parts, key)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_copy_of_a_bundle_is_a_bundle(bundle: Bundle, key: SigningKey, tmp_path: Path) -> None:
    shutil.copytree(bundle.folder, tmp_path / "copy")
    assert read_bundle(tmp_path / "copy", trusted(key)).digest == bundle.digest
