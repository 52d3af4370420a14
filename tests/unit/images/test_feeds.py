"""Indexes that requirements name: read, told to uv, and never said aloud."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.errors import SecretMissing
from sluice.images.credentials import credentials_for, from_environment, from_keyring, providers
from sluice.images.feeds import (
    Credential,
    Feed,
    build_secrets,
    feed_of,
    machine_feed,
    redacted,
    split_feeds,
    uv_config,
    variable,
)

PRIVATE = "https://{private}@pkgs.dev.azure.com/org/_packaging/feed/pypi/simple/"
ADDRESS = "https://pkgs.dev.azure.com/org/_packaging/feed/pypi/simple/"


@pytest.mark.parametrize(
    ("line", "feed", "rest"),
    [
        (f"-i {PRIVATE}", Feed(ADDRESS, default=True, private=True), ()),
        (f"-i {PRIVATE} test_package", Feed(ADDRESS, default=True, private=True), ("test_package",)),
        (f"--index-url={PRIVATE}", Feed(ADDRESS, default=True, private=True), ()),
        (f"--extra-index-url {PRIVATE}", Feed(ADDRESS, private=True), ()),
        ("--extra-index-url https://a/simple", Feed("https://a/simple"), ()),
    ],
)
def test_lines_that_name_an_index(line: str, feed: Feed, rest: tuple[str, ...]) -> None:
    assert split_feeds([line, "other"]) == ((feed,), (*rest, "other"))


@pytest.mark.parametrize("line", ["idna", "-r other.txt", "--pre", "index-url", "x @ https://a/b.whl"])
def test_other_lines_stay(line: str) -> None:
    assert split_feeds([line]) == ((), (line,))


def test_a_credential_in_an_address_is_taken_out_of_it() -> None:
    feed = feed_of("https://me:s%40cret@feed.example/simple", default=True)
    assert feed.url == "https://feed.example/simple"
    assert feed.own == Credential("me", "s@cret")
    assert "cret" not in repr(feed)
    assert variable(feed) == "SLUICE_FEED_FEED_EXAMPLE"


def test_uv_is_told_the_named_indexes_before_the_default() -> None:
    feeds = (feed_of(PRIVATE, default=True), feed_of("https://extra/simple", default=False))
    told = tomllib.loads(uv_config(feeds, {ADDRESS: Credential("user", "p/w@1")}))["index"]
    assert told == [
        {"name": "feed-0", "url": "https://extra/simple"},
        {"name": "feed-1", "url": ADDRESS.replace("://", "://user:p%2Fw%401@"), "default": True},
    ]


@given(st.text(), st.text())
def test_any_credential_survives_the_way_to_uv(username: str, password: str) -> None:
    for text in (username, password):
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            return
    told = tomllib.loads(
        uv_config([Feed("https://a/s", private=True)], {"https://a/s": Credential(username, password)})
    )
    back = feed_of(told["index"][0]["url"], default=False)
    assert back.own == Credential(username, password)


def test_secrets_show_in_no_repr() -> None:
    feed = feed_of("https://me:hidden@a/s", default=True)
    secrets = build_secrets((feed,), {"https://a/s": Credential("me", "hidden")})
    assert "hidden" in secrets[0].value.name
    assert "hidden" not in repr((feed, secrets))
    assert build_secrets((), {}) == ()


def test_words_of_others_are_cleaned() -> None:
    words = "error at https://u:p%40w@h/s: p@w was refused (p%40w)"
    assert redacted(words, [Credential("u", "p@w")]) == "error at https://****@h/s: **** was refused (****)"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("user:pass:word", Credential("user", "pass:word")), ("token1", Credential("token", "token1")), ("", None)],
)
def test_the_environment_gives_a_pair_or_a_token(value: str, expected: Credential | None) -> None:
    feed = Feed(ADDRESS, private=True)
    assert variable(feed) == "SLUICE_FEED_PKGS_DEV_AZURE_COM"
    assert from_environment({variable(feed): value})(feed) == expected


def test_the_first_provider_that_knows_is_asked() -> None:
    feed = Feed(ADDRESS, private=True)
    public = Feed("https://public/simple")
    chain = (lambda _: None, lambda _: Credential("a", "b"), lambda _: Credential("c", "d"))
    assert credentials_for((feed, public), chain) == {ADDRESS: Credential("a", "b")}


def test_nobody_knows() -> None:
    with pytest.raises(SecretMissing, match="SLUICE_FEED_PKGS_DEV_AZURE_COM") as caught:
        credentials_for((Feed(ADDRESS, private=True),), (from_environment({}),))
    assert "keyring" in caught.value.remedy


def test_a_provider_that_is_not_installed_knows_nothing() -> None:
    assert from_keyring(Feed("https://nowhere.example/simple", private=True)) is None
    assert len(providers({})) == 3


def test_the_machines_own_index() -> None:
    assert machine_feed({}) is None
    assert machine_feed({"PIP_INDEX_URL": "https://mirror/simple"}) == Feed("https://mirror/simple", default=True)
    both = {"PIP_INDEX_URL": "https://b", "UV_DEFAULT_INDEX": "https://a"}
    assert machine_feed(both) == Feed("https://a", default=True)
