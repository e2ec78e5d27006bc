"""HTML and SVG with data in it: the one place where data is escaped."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable

from pmf_minimal.datasets.extras import extra

with extra("book"):
    from IPython.display import HTML
    from PIL import Image


class Markup(str):
    """Text that is HTML or SVG already."""


def fill(template: str, **values: object) -> Markup:
    """A template with values in the place of its ``{names}``; what is not :class:`Markup` is escaped, quotes too.

    Only templates are written as HTML. Everything else passes through here: captions, names, numbers, words in a table.
    """
    escaped = {k: v if isinstance(v, Markup) else html.escape(str(v), quote=True) for k, v in values.items()}
    return Markup(template.format(**escaped))


def join(parts: Iterable[Markup], between: str = "") -> Markup:
    """Several pieces of markup, one after the other.

    Raises:
        TypeError: one of them is text that was not escaped.
    """
    parts = list(parts)
    if not all(isinstance(part, Markup) for part in parts):
        raise TypeError("only markup can be joined; text goes through fill()")
    return Markup(between.join(parts))


def data_uri(data: bytes, kind: str) -> str:
    """The address of data that the page itself holds.

    Args:
        data: the content of a file.
        kind: its media type, such as ``image/png``.
    """
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def face(picture: Image.Image | None, name: str) -> Markup:
    """The picture of an entity, 48 pixels wide, or a line that says that it has none."""
    if picture is None:
        return fill('<div style="height:48px;line-height:48px;font-size:.8em;opacity:.7">no picture</div>')
    buffer = io.BytesIO()
    picture.save(buffer, format="webp", quality=70)
    return fill(
        '<img src="{source}" alt="picture of: {name}" width="48" height="48">',
        source=data_uri(buffer.getvalue(), "image/webp"),
        name=name,
    )


def figure_element(body: Markup, caption: str, link: Markup | None = None) -> HTML:
    """A figure of the page: its body, and below it the caption and a link."""
    return HTML(
        str(
            fill(
                '<figure style="margin:0">{body}<figcaption style="padding-top:.4em">{caption}{link}</figcaption></figure>',
                body=body,
                caption=caption,
                link=link or Markup(),
            )
        )
    )
