"""Only addresses of the public internet are public, however they are written."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.outputs.allowed_hosts import is_public_address

NOT_PUBLIC_4 = [
    "0.0.0.1", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.255", "168.63.129.16",
    "169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.2.3", "240.0.0.1",
    "255.255.255.255",
]  # fmt: skip
NOT_PUBLIC_6 = [
    "::", "::1", "::ffff:93.184.216.34", "::93.184.216.34", "::10.0.0.1", "::ffff:0:93.184.216.34", "64:ff9b:1::1",
    "100::1", "200::1", "400::1", "1000::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1",
    "2001:db8::1", "2001:10::1", "2002:5db8:d822::1", "3fff::1", "4000::1", "5f00::1", "8000::1", "fc00::1",
    "fd00:ec2::254", "fd20:ce::254", "fe80::1", "fe80::a9fe:a9fe", "fec0::1", "ff02::1", "2606:2800:21f::1%eth0",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "1.1.1.1", "168.63.129.17", "100.63.255.255", "2606:2800:21f::1", "2001:4860:4860::8888",
          "64:ff9b::93.184.216.34", "2a00:1450::1"]  # fmt: skip


@pytest.mark.parametrize("address", [*NOT_PUBLIC_4, *NOT_PUBLIC_6])
def test_a_special_address_is_not_public(address: str) -> None:
    assert not is_public_address(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public_address(address)


@pytest.mark.parametrize("inner", NOT_PUBLIC_4)
@pytest.mark.parametrize("outer", ["64:ff9b::{}", "::ffff:{}", "::{}", "2606:2800::5efe:{}", "2606:2800::200:5efe:{}"])
def test_an_embedded_special_address_is_not_public(outer: str, inner: str) -> None:
    assert not is_public_address(outer.format(inner))


@pytest.mark.parametrize("text", ["", "localhost", "2130706433", "0x7f.1", "127.1", "1.1.1.1.", "[::1]", "1.1.1.1/32"])
def test_what_is_no_address_is_not_public(text: str) -> None:
    assert not is_public_address(text)


@given(st.ip_addresses())
def test_nothing_is_public_that_the_library_calls_special(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public_address(str(address)):
        assert address.is_global or address in ipaddress.ip_network("64:ff9b::/96")
        assert not address.is_multicast
