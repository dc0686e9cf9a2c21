"""Fetching from the web on a model's wish, so that nobody reaches the operator's own network through it.

A name is resolved once for each hop; every address of it must be one of the public internet, and the connection goes to an address that was
checked, whatever the name means a moment later. Redirects are followed here, each checked like the first address. What the operator configured
(`trusted`) may be anywhere, for the server itself and not for where it sends us. http(s) alone, three redirects, one mebibyte, five seconds.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

FETCH_S: Final = 5.0
BODY_BYTES: Final = 1024 * 1024
REDIRECTS: Final = 3
_CHUNK_BYTES: Final = 64 * 1024
_REDIRECTED: Final = frozenset({301, 302, 303, 307, 308})

_TRANSLATED: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("2002::/16"))
"""Addresses that carry an IPv4 address to somewhere that a network decides: NAT64, 6to4."""

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
MayReach: TypeAlias = Callable[[str], bool]


class Refusal(StrEnum):
    ADDRESS = "address"  # no http(s), or no address of the public internet
    REDIRECTS = "redirects"
    SIZE = "size"
    TIME = "time"
    STATUS = "status"
    UNREACHABLE = "unreachable"


class FetchError(Exception):
    """Nothing was fetched, and `reason` says why. Holds no address."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason


def is_public(address: str) -> bool:
    """Whether this IP address is one of the public internet: not ours, not a neighbour's, not the cloud's own."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found.is_site_local or any(found in network for network in _TRANSLATED):
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved and not found.is_unspecified


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a name, as the system's resolver has them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedHttp:
    """`get` alone. Nothing is kept between two calls: no cookie, no connection, no address."""

    def __init__(self, resolve: Resolve = system_resolve, may_reach: MayReach = is_public) -> None:
        self._resolve = resolve
        self._may_reach = may_reach

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None, trusted: str | None = None) -> bytes:
        """The body behind `url`. `headers` go to its own origin alone. Raises `FetchError`."""
        try:
            async with asyncio.timeout(FETCH_S):
                return await self._follow(_checked(url), dict(headers or {}), _checked(trusted) if trusted else None)
        except TimeoutError:
            raise FetchError(Refusal.TIME) from None
        except (aiohttp.ClientError, OSError, ValueError):  # ValueError: an address that the client does not take
            raise FetchError(Refusal.UNREACHABLE) from None

    async def _follow(self, url: URL, headers: dict[str, str], trusted: URL | None) -> bytes:
        first = url.origin()
        for _ in range(REDIRECTS + 1):
            is_trusted = trusted is not None and url.origin() == trusted.origin()
            found = await self._hop(url, headers if url.origin() == first else {}, is_trusted=is_trusted)
            if isinstance(found, bytes):
                return found
            url = _checked(str(url.join(found)))
        raise FetchError(Refusal.REDIRECTS)

    async def _hop(self, url: URL, headers: Mapping[str, str], *, is_trusted: bool) -> bytes | URL:
        """One request to an address that was checked: the body, or where it sends us."""
        assert url.host is not None
        assert url.port is not None
        addresses = tuple(await self._resolve(url.host, url.port))
        if not addresses or not (is_trusted or all(map(self._may_reach, addresses))):
            raise FetchError(Refusal.ADDRESS)
        connector = aiohttp.TCPConnector(resolver=_Pinned(addresses), use_dns_cache=False, force_close=True)
        async with (
            # Without the environment's proxies, which would resolve the name once more.
            aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
            ) as client,
            client.get(url, headers={"Accept-Encoding": "identity", **headers}, allow_redirects=False) as response,
        ):
            if response.status in _REDIRECTED and "Location" in response.headers:
                return URL(response.headers["Location"])
            if response.status != 200:
                raise FetchError(Refusal.STATUS)
            return await _body(response)


async def _body(response: aiohttp.ClientResponse) -> bytes:
    if (response.content_length or 0) > BODY_BYTES:
        raise FetchError(Refusal.SIZE)
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > BODY_BYTES:
            raise FetchError(Refusal.SIZE)
    return bytes(body)


def _checked(url: str) -> URL:
    try:
        found = URL(url)
        # A port beyond its range and a broken host are found only when asked for.
        is_web = found.scheme in {"http", "https"} and bool(found.host) and found.port is not None
    except ValueError:
        raise FetchError(Refusal.ADDRESS) from None
    if not is_web or found.user is not None or found.password is not None:
        raise FetchError(Refusal.ADDRESS)
    return found


class _Pinned(AbstractResolver):
    """Answers with what was checked, to whatever is asked. (A literal address is not asked about; it was checked as it stands.)"""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = tuple(addresses)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""
