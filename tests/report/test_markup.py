"""Stored HTML and Markdown, made safe to look at."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beautyspot.report.content_markup import html_frame, markdown_frame

HOSTILE = [
    "<script>x()</script>",
    "<SCRIPT SRC=//evil></SCRIPT>",
    "<img src=x onerror=x()>",
    "<img src=https://evil/a.png>",
    "<img srcset='https://evil/a.png 1x'>",
    "<a href='javascript:x()'>a</a>",
    "<a href=https://evil target=_top>a</a>",
    "<iframe src=https://evil></iframe>",
    "<iframe srcdoc='<script>x()</script>'></iframe>",
    "<object data=https://evil></object>",
    "<embed src=https://evil>",
    "<meta http-equiv=refresh content='0;url=https://evil'>",
    "<base href=https://evil>",
    "<link rel=stylesheet href=https://evil>",
    "<form action=https://evil><button formaction=https://evil>go</button></form>",
    "<svg onload=x()><style><img src=x onerror=x()></style></svg>",
    "<svg><a xlink:href='javascript:x()'><text>a</text></a></svg>",
    "<svg><a><animate attributeName=href to='https://evil'/><set attributeName=href to='https://evil'/></a></svg>",
    "<math><mtext><script>x()</script></mtext></math>",
    "<body onload=x()>",
    "<style></style><script>x()</script></style>",
    "<video poster=https://evil autoplay onplay=x()></video>",
    "<!--><script>x()</script>-->",
    "<noscript><p title='</noscript><img src=x onerror=x()>'></noscript>",
    "<scr<script>ipt>x()</script>",
]


class Seen(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def body_of(frame):
    return frame.document.partition("<body>")[2]


def check(frame):
    head, _, body = frame.document.partition("<body>")
    assert head.count("Content-Security-Policy") == 1
    for directive in ("default-src 'none'", "form-action 'none'", "base-uri 'none'"):
        assert directive in head
    seen = Seen()
    seen.feed(body)
    for tag, attrs in seen.tags:
        assert tag not in {
            "script",
            "iframe",
            "object",
            "embed",
            "meta",
            "base",
            "link",
            "form",
            "button",
            "animate",
            "set",
        }
        for name, value in attrs.items():
            assert not name.startswith("on")
            assert name not in {"srcset", "poster", "action", "formaction", "target", "srcdoc", "xlink:href"}
            assert name != "href" or value.startswith("#")
            assert name != "src" or value.startswith("data:image/")


@pytest.mark.parametrize("source", HOSTILE)
def test_nothing_that_acts_survives(source):
    """Scripts, handlers, links and loads are gone from the document."""
    check(html_frame(f"<p>before</p>{source}<p>after</p>"))
    check(markdown_frame(f"# a\n{source}\n\n- {source}\n`{source}`"))
    assert "before" in html_frame(f"<p>before</p>{source}").document


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from([*HOSTILE, "<", ">", '"', "'", "</", "<style>", "</style>", "<svg>", "&lt;", "`", "\0"]),
        max_size=8,
    )
)
def test_no_mixture_survives(parts):
    """Hostile pieces in any order give no acting markup either."""
    check(html_frame("".join(parts)))
    check(markdown_frame("".join(parts)))


def test_harmless_markup_is_kept():
    """Tables, classes, inline styles and embedded images stay as they were."""
    source = (
        '<table class="dataframe" style="color:red"><tr><td colspan="2">a &lt; b</td></tr></table>'
        '<img src="data:image/png;base64,AAAA" alt="x"><a href="#top">up</a><style>td>b{color:red}</style>'
    )
    body = body_of(html_frame(source))
    for part in (
        '<table class="dataframe" style="color:red">',
        '<td colspan="2">',
        "a &lt; b",
        'alt="x"',
        'href="#top"',
        "td>b{color:red}",
    ):
        assert part in body


def test_markdown_structure():
    """Headings, lists, quotes, code and emphasis are rendered; the rest stays text."""
    source = (
        "# T\n\npara *em* **st** `a<b` 2 * 3 * 4\nmore\n\n1. one\n2. two\n\n- x\n\n> q\n\n"
        "```py\nif a < b:\n    pass\n```\n[l](http://x)"
    )
    body = body_of(markdown_frame(source))
    for part in (
        "<h1>T</h1>",
        "<em>em</em>",
        "<strong>st</strong>",
        "<code>a&lt;b</code>",
        "2 * 3 * 4 more",
        "<ol>\n<li>one</li>\n<li>two</li>\n</ol>",
        "<ul>",
        "<blockquote>q</blockquote>",
        "<pre><code>if a &lt; b:\n    pass</code></pre>",
        "[l](http://x)",
    ):
        assert part in body


def test_an_unclosed_fence_ends_with_the_text():
    """Everything after an opening fence is code."""
    assert "<pre><code>a\nb</code></pre>" in body_of(markdown_frame("```\na\nb"))
