"""dhclient.conf comes back byte for byte, and statements in blocks are not those outside."""

from __future__ import annotations

import pytest
from hvprep.errors import FormatError
from hvprep.formats.dhclient_conf import parse
from hypothesis import given
from hypothesis import strategies as st

#: isc-dhcp-client of Debian 12, shortened.
DEBIAN = """\
option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;

send host-name = gethostname();
request subnet-mask, broadcast-address, time-offset, routers,
\tdomain-name, domain-name-servers, domain-search, host-name;

#send dhcp-client-identifier 1:0:a0:24:ab:fb:9c;
#timeout 60;
reject 192.33.137.209;
alias {
  interface "eth0";
  timeout 7;
}
"""


def test_a_file_of_debian() -> None:
    conf = parse(DEBIAN)
    assert conf.render() == DEBIAN
    assert [statement.words[0] for statement in conf.statements] == ["option", "send", "request", "reject"]
    assert conf.find("timeout") is None
    edited = conf.replace("timeout", "300")
    assert edited.render() == f"{DEBIAN}timeout 300;\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("timeout 1;\ntimeout 2; retry 3;", "timeout 300;\ntimeout 300; retry 3;"),
        ("timeout\n  1 ;", "timeout 300;"),
        ("", "timeout 300;\n"),
        ("retry 1;", "retry 1;\ntimeout 300;\n"),
        ('send x "timeout 1;";\n', 'send x "timeout 1;";\ntimeout 300;\n'),
        ('interface "eth0" { timeout 1; } timeout 2;\n', 'interface "eth0" { timeout 1; } timeout 300;\n'),
        ("select-timeout 1;\n", "select-timeout 1;\ntimeout 300;\n"),
    ],
)
def test_a_value_is_replaced(text: str, expected: str) -> None:
    assert parse(text).replace("timeout", "300").render() == expected


@pytest.mark.parametrize("text", ["alias {", "}", 'send x "y;\n', "a { { }", "timeout 3"])
def test_what_does_not_end_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="does not end"):
        parse(text)


@given(
    st.lists(st.sampled_from(["timeout", " ", "1", ";", "{", "}", '"', "#", "\n", "\\", "x"])).map("".join)
)
def test_every_text_comes_back_or_is_refused(text: str) -> None:
    try:
        conf = parse(text)
    except FormatError:
        return
    assert conf.render() == text
    found = conf.replace("timeout", "300").find("timeout")
    assert found is not None
    assert found.words == ("timeout", "300")
