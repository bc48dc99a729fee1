"""Ed25519 verification against the RFC's vectors and against `cryptography`."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc_board.signature import L, P, verify

SEEDS = st.binary(min_size=32, max_size=32)
MESSAGES = st.binary(max_size=300)

# RFC 8032, section 7.1: public key, message, signature
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]


def signed(seed: bytes, message: bytes) -> tuple[bytes, bytes]:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    return private.public_key().public_bytes_raw(), private.sign(message)


def accepted_by_openssl(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@pytest.mark.parametrize("public, message, signature", VECTORS)
def test_vectors_of_the_rfc(public: str, message: str, signature: str) -> None:
    assert verify(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))


@settings(max_examples=60, deadline=None)
@given(SEEDS, MESSAGES)
def test_accepts_what_cryptography_signs(seed: bytes, message: bytes) -> None:
    public, signature = signed(seed, message)
    assert verify(public, message, signature)


@settings(max_examples=150, deadline=None)
@given(SEEDS, MESSAGES, st.integers(0, 96 * 8 - 1))
def test_agrees_with_cryptography_after_any_altered_bit(seed: bytes, message: bytes, bit: int) -> None:
    public, signature = signed(seed, message)
    both = bytearray(public + signature)
    both[bit // 8] ^= 1 << bit % 8
    public, signature = bytes(both[:32]), bytes(both[32:])
    assert not verify(public, message, signature)
    assert not accepted_by_openssl(public, message, signature)


@settings(max_examples=100, deadline=None)
@given(SEEDS, MESSAGES.filter(len), st.data())
def test_refuses_an_altered_message(seed: bytes, message: bytes, data: st.DataObject) -> None:
    public, signature = signed(seed, message)
    bit = data.draw(st.integers(0, len(message) * 8 - 1))
    altered = bytearray(message)
    altered[bit // 8] ^= 1 << bit % 8
    assert not verify(public, bytes(altered), signature)
    assert not verify(public, message + b"\0", signature)


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=32, max_size=32), MESSAGES, st.binary(min_size=64, max_size=64))
def test_random_bytes_are_no_signature_and_no_crash(public: bytes, message: bytes, signature: bytes) -> None:
    assert not verify(public, message, signature)


@settings(max_examples=30, deadline=None)
@given(SEEDS, MESSAGES)
def test_refuses_the_malleable_twin(seed: bytes, message: bytes) -> None:
    """S + L fits the equation as well as S does; only one of them may be accepted."""
    public, signature = signed(seed, message)
    s = int.from_bytes(signature[32:], "little")
    twin = signature[:32] + (s + L).to_bytes(32, "little")
    assert not verify(public, message, twin)


def points_of_small_order() -> list[bytes]:
    """Encodings of the points whose order divides 8: y is 0, 1, -1, or a root for order 8."""
    order_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
    mirrored = (P - int.from_bytes(order_8, "little")).to_bytes(32, "little")
    plain = [(0).to_bytes(32, "little"), (1).to_bytes(32, "little"), (P - 1).to_bytes(32, "little")]
    points = [*plain, order_8, mirrored]
    return points + [point[:31] + bytes([point[31] | 0x80]) for point in points]


@pytest.mark.parametrize("public", points_of_small_order())
def test_refuses_keys_of_small_order(public: bytes) -> None:
    """With such a key, R = identity and S = 0 would sign many messages."""
    signature = (1).to_bytes(32, "little") + bytes(32)
    assert not any(verify(public, bytes([n]), signature) for n in range(16))


@pytest.mark.parametrize("y", [P, P + 1, 2**255 - 1])
def test_refuses_encodings_that_are_not_canonical(y: int) -> None:
    """y >= p names a point that has another encoding too."""
    public, signature = signed(bytes(32), b"message")
    encoded = y.to_bytes(32, "little")
    assert not verify(encoded, b"message", signature)
    assert not verify(public, b"message", encoded + signature[32:])


def test_refuses_wrong_lengths() -> None:
    public, signature = signed(bytes(32), b"message")
    assert verify(public, b"message", signature)
    assert not verify(public[:31], b"message", signature)
    assert not verify(public + b"\0", b"message", signature)
    assert not verify(public, b"message", signature[:63])
    assert not verify(public, b"message", signature + b"\0")
    assert not verify(public, b"message", b"")
