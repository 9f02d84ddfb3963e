"""XML without a document type: read with its lines, and refused where it could do more than say something."""

from __future__ import annotations

import contextlib

import pytest
from hvprep.errors import FormatError
from hvprep.formats.plain_xml import parse
from hypothesis import given
from hypothesis import strategies as st

ZONE = b"""<?xml version="1.0" encoding="utf-8"?>
<zone target="DROP">
  <!-- <service name="telnet"/> -->
  <service name="ssh"/>
  <rule family="ipv4">-d 1.2.3.4
    <drop/> &lt;and more&gt;</rule>
</zone>
"""
LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE zone [
<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">
]>
<zone>&c;</zone>
"""


def test_elements_with_their_lines_and_text() -> None:
    zone = parse(ZONE, "public.xml")
    assert (zone.name, zone.get("target"), zone.get("version")) == ("zone", "DROP", "")
    assert [(each.name, each.place) for each in zone.children] == [
        ("service", "public.xml, line 4"),
        ("rule", "public.xml, line 5"),
    ]
    service, rule = zone.children
    assert str(service) == "<service name='ssh'>"
    assert zone.find("rule", "port") == (rule,)
    assert [each.name for each in rule.children] == ["drop"]
    assert rule.text.split() == ["-d", "1.2.3.4", "<and", "more>"]


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (LAUGHS, "x.xml, line 2: hvprep reads no document type"),
        (
            b'<!DOCTYPE zone SYSTEM "file:///etc/shadow"><zone/>',
            "x.xml, line 1: hvprep reads no document type",
        ),
        (b"<zone>\n<a>\n</zone>", "x.xml, line 3: it is no XML: mismatched tag"),
        (b"<zone>&unheard;</zone>", "x.xml, line 1: it is no XML: undefined entity"),
        (b"<a/><b/>", "it is no XML: junk"),
        (b"", "x.xml, line 1: it is no XML: no element found"),
        (b'<?xml version="1.0" encoding="unheard-of"?><a/>', "x.xml, line 1: it is no XML: unknown encoding"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "x.xml, line 1: it is no XML"),
        (b"<a>\xff\xfe</a>", "x.xml, line 1: it is no XML"),
    ],
)
def test_what_is_not_or_may_grow_is_refused(content: bytes, because: str) -> None:
    with pytest.raises(FormatError, match=because):
        parse(content, "x.xml")


def test_depth_is_no_danger() -> None:
    deep = parse(b"<a>" * 100_000 + b"</a>" * 100_000, "x.xml")
    assert deep.children[0].name == "a"


PARTS = st.sampled_from(
    [
        "<a>",
        "</a>",
        "<b c='d'/>",
        "<!DOCTYPE a>",
        "<?xml version='1.0'?>",
        "&lt;",
        "&x;",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "t",
    ]
)


@given(st.lists(PARTS, max_size=12).map("".join).map(str.encode) | st.binary(max_size=60))
def test_everything_is_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(FormatError):
        parse(content, "x.xml")
