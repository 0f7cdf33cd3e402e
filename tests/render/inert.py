"""What strangers may write into texts, labels and ids, and a check that HTML made of it does nothing."""

from __future__ import annotations

from html.parser import HTMLParser

HOSTILE = "</bdi></table><script>alert(\"1\")</script><img src=x onerror='a()'>\u202e\x1b{0}{{ x }}&amp;"
OWN_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "div", "p", "br", "h2", "mark", "span", "a", "bdi"),
    *("h1", "section", "details", "summary", "table", "tr", "th", "td", "footer", "nav", "ul", "li", "b"),
}
OWN_ATTRIBUTES = {
    *(
        "class",
        "style",
        "colspan",
        "lang",
        "charset",
        "name",
        "content",
        "http-equiv",
        "href",
        "open",
        "cellspacing",
        "id",
        "title",
        "aria-label",
    ),
}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attributes):
        assert tag in OWN_TAGS, tag
        assert {name for name, _ in attributes} <= OWN_ATTRIBUTES, attributes
        self.links += [value for name, value in attributes if name == "href"]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)


def read_inert(html: str) -> str:
    """Check that every element is one of the templates' own, and closed; return the text in one line."""
    return " ".join("".join(_read(html).texts).split())


def links_of(html: str) -> list[str]:
    return _read(html).links


def _read(html: str) -> _Reader:
    assert "\u202e" not in html and "\x1b" not in html
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader
