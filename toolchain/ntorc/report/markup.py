"""Markup in which nothing can be forgotten to be escaped: text becomes `Markup` only by `text` or `element`.

The output is HTML and well-formed XML at once, so that a test can parse it strictly.
"""

from __future__ import annotations

import re

_VOID = {"meta", "br", "col", "wbr", "path", "line", "rect", "circle"}
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
# what neither HTML nor XML allows (controls, lone surrogates, non-characters), and the
# directional overrides with which a name could make its neighbours read differently
_UNUSABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
    "|[" + "".join(chr(plane << 16 | last) for plane in range(1, 17) for last in (0xFFFE, 0xFFFF)) + "]"
)

Child = object


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Any value as escaped text; characters that no document may hold become U+FFFD."""
    if isinstance(value, Markup):
        return value
    plain = _UNUSABLE.sub("\ufffd", str(value).replace("\r\n", "\n").replace("\r", "\n"))
    return Markup(plain.translate(_ESCAPES))


def join(*children: Child) -> Markup:
    """Children one after the other; ``None`` is nothing."""
    return Markup("".join(text(child) for child in children if child is not None))


def element(name: str, /, *children: Child, **attributes: object) -> Markup:
    """An element.

    Args:
        name: of the element.
        children: markup, or values that are escaped.
        attributes: ``class_`` is ``class``, ``aria_label`` is ``aria-label``; None leaves one out.
    """
    words = [name]
    for key, value in attributes.items():
        if value is not None:
            words.append(f'{key.rstrip("_").replace("_", "-")}="{text(value)}"')
    opening = " ".join(words)
    if name in _VOID:
        return Markup(f"<{opening}/>")
    return Markup(f"<{opening}>{join(*children)}</{name}>")
