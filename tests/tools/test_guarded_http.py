"""Fetching on a model's wish reaches the public internet and nothing else: checked against a real server on the loopback.

Where a test has to let the fetch through, `may_reach` takes 127.0.0.1 for a public address and every other one of the loopback for private.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bot.tools import guarded_http
from bot.tools.guarded_http import BODY_BYTES, FetchError, GuardedHttp, Refusal, is_public

pytestmark = pytest.mark.rehearsal

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.254",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001::1",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "",
    "localhost",
    "1.1.1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_no_public_network_is_none(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_an_address_of_the_public_internet_is_one(address: str) -> None:
    assert is_public(address)


async def refused(url: str, http: GuardedHttp | None = None, trusted: str | None = None) -> Refusal:
    with pytest.raises(FetchError) as error:
        await (http or GuardedHttp()).get(url, trusted=trusted)
    return error.value.reason


class Site:
    """A real HTTP server on 127.0.0.1, and a resolver that sends names there."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[str] = []
        self.hosts: list[str] = []
        self.keys: list[str | None] = []
        self.names: dict[str, list[Sequence[str]]] = {}
        self.resolved: list[str] = []
        self.app = web.Application()
        self.app.router.add_get("/{path:.*}", self._answer)
        self.answer: Callable[[web.Request], web.StreamResponse] = lambda _: web.Response(text="moss")

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.hosts.append(request.host)
        self.keys.append(request.headers.get("Authorization"))
        if request.path == "/slow":
            await asyncio.sleep(60)
        return self.answer(request)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Answers are used up one by one; the last one stays."""
        self.resolved.append(host)
        answers = self.names.get(host, [("127.0.0.1",)])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    @property
    def http(self) -> GuardedHttp:
        return GuardedHttp(self.resolve, lambda address: address == "127.0.0.1")

    def url(self, path: str = "/", host: str = "moss.example") -> str:
        return f"http://{host}:{self.port}{path}"


@asynccontextmanager
async def served() -> AsyncIterator[Site]:
    site = Site()
    runner = web.AppRunner(site.app, shutdown_timeout=0.1)
    await runner.setup()
    server = web.TCPSite(runner, "127.0.0.1", 0)
    await server.start()
    site.port = runner.addresses[0][1]
    try:
        yield site
    finally:
        await runner.cleanup()


async def test_a_public_page_is_fetched_under_its_own_name() -> None:
    async with served() as site:
        assert await site.http.get(site.url("/page")) == b"moss"
    assert site.hosts == [f"moss.example:{site.port}"]


LOOPBACKS = [
    "127.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "localhost",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "0",
    "127.0.0.1.",
    "①②⑦.⓪.⓪.①",
]


@pytest.mark.parametrize("host", LOOPBACKS)
async def test_no_spelling_of_the_loopback_reaches_a_server_there(host: str) -> None:
    """With the system's own resolver, which reads decimal, octal and hexadecimal forms."""
    async with served() as site:
        assert await refused(site.url(host=host)) in {Refusal.ADDRESS, Refusal.UNREACHABLE}
    assert site.asked == []


@pytest.mark.parametrize("host", ["169.254.169.254", "100.64.0.1", "10.0.0.1", "[fe80::1]", "[fd00:ec2::254]"])
async def test_the_clouds_own_addresses_are_refused_before_anything_is_sent(host: str) -> None:
    assert await refused(f"http://{host}/latest/meta-data/") is Refusal.ADDRESS


async def test_a_name_with_one_private_address_among_public_ones_is_refused() -> None:
    async with served() as site:
        site.names["moss.example"] = [("127.0.0.1", "127.0.0.2")]
        assert await refused(site.url(), site.http) is Refusal.ADDRESS
    assert site.asked == []


async def test_a_name_that_means_something_else_a_moment_later_is_not_asked_again() -> None:
    """Rebinding: first a public answer for the check, then a private one for the connection."""
    async with served() as site:
        site.names["moss.example"] = [("127.0.0.1",), ("127.0.0.2",)]
        assert await site.http.get(site.url()) == b"moss"
    assert site.resolved == ["moss.example"]


async def test_a_redirect_is_followed_to_a_public_page() -> None:
    async with served() as site:
        site.answer = lambda request: (
            web.Response(status=302, headers={"Location": "/end"}) if request.path == "/" else web.Response(text="end")
        )
        assert await site.http.get(site.url()) == b"end"
    assert site.asked == ["/", "/end"]


def sends_to(location: str) -> Callable[[web.Request], web.StreamResponse]:
    return lambda _: web.Response(status=302, headers={"Location": location})


@pytest.mark.parametrize(
    "location", ["http://127.0.0.2:{port}/", "http://inside.example:{port}/", "//127.0.0.2:{port}/"]
)
async def test_a_redirect_to_a_private_address_is_refused(location: str) -> None:
    async with served() as site:
        site.names["inside.example"] = [("127.0.0.2",)]
        site.names["127.0.0.2"] = [("127.0.0.2",)]
        site.answer = sends_to(location.format(port=site.port))
        assert await refused(site.url(), site.http) is Refusal.ADDRESS
    assert len(site.asked) == 1


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://moss.example/", "ftp://moss.example/"])
async def test_a_redirect_to_something_else_than_the_web_is_refused(location: str) -> None:
    async with served() as site:
        site.answer = sends_to(location)
        assert await refused(site.url(), site.http) is Refusal.ADDRESS


async def test_three_redirects_are_enough() -> None:
    async with served() as site:
        site.answer = sends_to("/again")
        assert await refused(site.url(), site.http) is Refusal.REDIRECTS
    assert len(site.asked) == 1 + guarded_http.REDIRECTS


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://moss.example/",
        "moss.example",
        "",
        "http://",
        "http://a:b@moss.example/",
        "http://[::1",
    ],
)
async def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    assert await refused(url) is Refusal.ADDRESS


async def test_the_operators_own_address_may_be_private_but_not_where_it_sends_us() -> None:
    async with served() as site:
        http = GuardedHttp(site.resolve)
        own = site.url("/search")
        assert await http.get(own, trusted=own) == b"moss"
        site.answer = sends_to(site.url("/secret", host="other.example"))
        assert await refused(own, http, trusted=own) is Refusal.ADDRESS
    assert "/secret" not in site.asked


async def test_the_key_stays_with_the_origin_that_it_is_for() -> None:
    async with served() as site:
        site.answer = lambda request: (
            sends_to(site.url("/end", host="other.example"))(request)
            if request.host.startswith("moss")
            else web.Response(text="end")
        )
        await site.http.get(site.url(), headers={"Authorization": "Bearer canary"})
    assert site.keys == ["Bearer canary", None]


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_page_over_a_mebibyte_is_not_read_to_its_end(is_told: bool) -> None:
    async with served() as site:

        def large(_: web.Request) -> web.StreamResponse:
            response = web.Response(body=b"x" * (BODY_BYTES + 1))
            if not is_told:
                response.enable_chunked_encoding()
            return response

        site.answer = large
        assert await refused(site.url(), site.http) is Refusal.SIZE


async def test_a_slow_server_is_waited_for_no_longer_than_it_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_http, "FETCH_S", 0.2)
    async with served() as site:
        assert await refused(site.url("/slow"), site.http) is Refusal.TIME


async def test_a_resolver_that_never_answers_is_waited_for_no_longer_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_http, "FETCH_S", 0.1)

    async def silent(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    assert await refused("http://moss.example/", GuardedHttp(silent)) is Refusal.TIME


async def test_nothing_there_and_nothing_good_are_told_apart() -> None:
    async with served() as site:
        site.answer = lambda _: web.Response(status=500)
        assert await refused(site.url(), site.http) is Refusal.STATUS
    assert await refused(site.url(), site.http) is Refusal.UNREACHABLE


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served() as site:
        monkeypatch.setenv("http_proxy", "http://127.0.0.3:9")
        assert await site.http.get(site.url()) == b"moss"
