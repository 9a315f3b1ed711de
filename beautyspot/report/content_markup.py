"""Stored HTML and Markdown as documents for an iframe that can neither run a script nor reach a network.

Three walls, each enough against what the one before lets through: the iframe has an empty ``sandbox`` (no scripts,
no forms, no popups, an origin of its own); the document carries a Content-Security-Policy that loads nothing; and the
markup is rewritten here, without the elements and attributes that act, so that even a click leads nowhere.
"""

from __future__ import annotations

import itertools
import re
from html import escape
from html.parser import HTMLParser

from beautyspot.report.blocks import Frame

__all__ = ["html_frame", "markdown_frame"]

_PLAIN = 64 * 1024  # characters of source that go along
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; media-src data:; "
    "form-action 'none'; base-uri 'none'"
)
# Without weight: whatever style stored HTML brings along wins.
_PAGE = (
    ":where(body){background:#fff;color:#111;font:14px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    ":where(table){border-collapse:collapse;border:0;font-size:13px}"
    ":where(th,td){padding:4px 12px 4px 0;border:0;border-bottom:1px solid #ddd;text-align:right}"
)
_THEMED = (
    ":root{color-scheme:light dark}body{font:14px/1.6 system-ui,sans-serif;margin:4px 8px;overflow-wrap:anywhere}"
    "h1,h2,h3,h4{line-height:1.25;margin:1em 0 .4em}h1{font-size:1.4em}h2{font-size:1.2em}h3,h4{font-size:1.05em}"
    "pre,code{font:12.5px/1.5 ui-monospace,monospace;background:color-mix(in srgb,currentColor 8%,transparent);"
    "border-radius:4px}code{padding:1px 4px}pre{padding:8px 10px;overflow:auto}pre code{padding:0;background:none}"
    "blockquote{margin:.6em 0;padding-left:12px;border-left:3px solid color-mix(in srgb,currentColor 25%,transparent)}"
)

# Elements dropped with everything inside, and elements of which only the tag goes.
_DROP_WHOLE = frozenset({"script", "iframe", "object", "applet", "noscript", "template", "math", "portal", "frameset"})
_DROP_TAG = frozenset({"base", "button", "embed", "form", "frame", "html", "input", "link", "meta", "param"})
# The animations of SVG can set an attribute that is dropped where it stands in the source.
_DROP_TAG |= {"select", "textarea", "animate", "animatemotion", "animatetransform", "set"}
_RAW_TEXT = frozenset({"style"})
_ACTING = frozenset(
    {"action", "autofocus", "background", "contenteditable", "data", "formaction", "href", "http-equiv"}
)
_ACTING |= {"accesskey", "cite", "longdesc", "manifest", "ping", "poster", "srcdoc", "srcset", "target", "xlink:href"}
_NAME = re.compile(r"[a-z][a-z0-9:_-]*\Z")
_DATA_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*\Z")


class _Rewriter(HTMLParser):
    """Writes markup again without what acts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.dropping: list[str] = []
        self.raw = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROP_WHOLE:
            self.dropping.append(tag)
        elif not self.dropping and tag not in _DROP_TAG and _NAME.match(tag):
            self.raw = tag in _RAW_TEXT
            kept = "".join(f' {name}="{escape(value or "")}"' for name, value in attrs if _keeps(name, value or ""))
            self.out.append(f"<{tag}{kept}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _DROP_WHOLE:
            self.handle_starttag(tag, attrs)
            if not self.dropping and self.out and tag not in _DROP_TAG:
                self.out.append(f"</{tag}>" if tag not in {"br", "hr", "img", "wbr", "col", "source"} else "")
            self.raw = False

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROP_WHOLE:
            if tag in self.dropping:
                del self.dropping[self.dropping.index(tag) :]
        elif not self.dropping and tag not in _DROP_TAG and _NAME.match(tag):
            self.raw = False
            self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self.dropping:
            # A style sheet is raw text, where "&lt;" would be part of the sheet; inside SVG the same text is markup
            # again, so no "<" may stay. "\3c " is its escape in CSS.
            self.out.append(data.replace("<", "\\3c ") if self.raw else escape(data))


def _keeps(name: str, value: str) -> bool:
    if name.startswith("on") or not _NAME.match(name):
        return False
    if name == "src":
        return bool(_DATA_IMAGE.match(value))
    return name not in _ACTING or (name == "href" and value.startswith("#"))


def _document(body: str, style: str) -> str:
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    return f"<!doctype html><html><head>{head}<style>{style}</style></head><body>{body}</body></html>"


def html_frame(source: str) -> Frame:
    """Make stored HTML safe to look at.

    Example:
        >>> "alert" in html_frame("<b onclick='alert(1)'>hi</b><script>alert(2)</script>").document
        False
    """
    rewriter = _Rewriter()
    rewriter.feed(source)
    rewriter.close()
    body = "".join(rewriter.out)
    return Frame(_document(body, _PAGE), source[:_PLAIN])


def markdown_frame(source: str) -> Frame:
    """Render the common part of Markdown: headings, lists, quotes, code, emphasis. Raw HTML and links stay text.

    Example:
        >>> "<strong>b</strong>" in markdown_frame("a **b** <i>").document
        True
    """
    return Frame(_document("\n".join(_markdown(source)), _THEMED), source[:_PLAIN], themed=True)


_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*\s*\Z")
_ITEM = re.compile(r"\s*(?:[-*+]|(\d+)[.)])\s+(.*)\Z")
_INLINE = (
    (re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w*])\*(?=[^\s*])(.+?)(?<=[^\s*])\*(?![\w*])"), r"<em>\1</em>"),
    (re.compile(r"~~(?=\S)(.+?)(?<=\S)~~"), r"<del>\1</del>"),
)


def _inline(text: str) -> str:
    parts = text.split("`")
    for i, part in enumerate(parts):
        part = escape(part)  # noqa: PLW2901 - from here on the part is markup
        if i % 2 and i < len(parts) - 1:
            parts[i] = f"<code>{part}</code>"
            continue
        for pattern, replacement in _INLINE:
            part = pattern.sub(replacement, part)  # noqa: PLW2901
        parts[i] = ("`" if i % 2 else "") + part
    return "".join(parts)


class _Markdown:
    """Writes lines of Markdown as HTML, block by block."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self._paragraph: list[str] = []
        self._list = ""

    def close(self) -> None:
        """End the open paragraph and list."""
        if self._paragraph:
            self.out.append(f"<p>{_inline(' '.join(self._paragraph))}</p>")
            self._paragraph.clear()
        if self._list:
            self.out.append(f"</{self._list}>")
            self._list = ""

    def block(self, markup: str) -> None:
        """Add a block that stands alone."""
        self.close()
        self.out.append(markup)

    def item(self, kind: str, text: str) -> None:
        """Add a list item."""
        if self._list != kind:
            self.block(f"<{kind}>")
            self._list = kind
        self.out.append(f"<li>{_inline(text)}</li>")

    def line(self, text: str) -> None:
        """Add a line of a paragraph."""
        if self._list:
            self.close()
        self._paragraph.append(text.strip())


def _markdown(source: str) -> list[str]:
    writer = _Markdown()
    lines = iter(source.splitlines())
    for line in lines:
        heading, item = _HEADING.match(line), _ITEM.match(line)
        if line.lstrip().startswith("```"):
            code = "\n".join(itertools.takewhile(lambda text: text.strip() != "```", lines))
            writer.block(f"<pre><code>{escape(code)}</code></pre>")
        elif heading:
            writer.block(f"<h{len(heading[1])}>{_inline(heading[2])}</h{len(heading[1])}>")
        elif item:
            writer.item("ol" if item[1] else "ul", item[2])
        elif line.startswith(">"):
            writer.block(f"<blockquote>{_inline(line[1:].strip())}</blockquote>")
        elif line.strip():
            writer.line(line)
        else:
            writer.close()
    writer.close()
    return writer.out
