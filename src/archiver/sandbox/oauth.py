"""The OAuth 2 endpoints: the page where a customer says yes, and the one where codes and refresh tokens become access tokens.

A program that asks is told yes at once: for the account that the parameter ``account`` names, else for the first. A browser is asked
which of the accounts it is, as if somebody logged in.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode, urlsplit

import msgspec

from archiver.sandbox.grants import CODE_SECONDS, Code, Grant
from archiver.sandbox.refusals import Reply, bad_input, oauth_error
from archiver.sandbox.world import World

__all__ = ["authorise", "issue_token"]

SCOPES = "account_info.read files.content.read files.content.write files.metadata.read"


def authorise(world: World, query: Mapping[str, str], *, people: bool = False) -> Reply:
    """``GET /oauth2/authorize``: redirects with a code, or shows the code where no redirect was asked for.

    Args:
        world: Everything.
        query: The parameters.
        people: A person looks, who is asked for whom they say yes.

    Raises:
        Refusal: The parameters are wrong, or there is no account.
    """
    if query.get("client_id") != world.grants.app.key or query.get("response_type") != "code":
        raise bad_input("oauth2/authorize", "unknown client_id or response_type")
    if people and "account" not in query and world.accounts:
        return _ask(world, query)
    account = query.get("account") or next(iter(world.accounts), "")
    if account not in world.accounts:
        raise bad_input("oauth2/authorize", "the sandbox has no such account")
    redirect_uri = query.get("redirect_uri", "")
    challenge = query.get("code_challenge", "")
    code = Code(
        account=account,
        redirect_uri=redirect_uri,
        challenge=challenge,
        challenge_method=query.get("code_challenge_method", "plain"),
        until=world.clock.now() + CODE_SECONDS,
    )
    name = world.grants.new_code(code)
    if not redirect_uri:
        return Reply(body=name.encode(), content_type="text/plain; charset=utf-8")
    answer = {"code": name} | ({"state": query["state"]} if "state" in query else {})
    joint = "&" if urlsplit(redirect_uri).query else "?"
    return Reply(status=302, body=b"", content_type="text/plain", headers={"Location": f"{redirect_uri}{joint}{urlencode(answer)}"})


def _ask(world: World, query: Mapping[str, str]) -> Reply:
    """The page on which a person says yes."""
    links = "".join(
        f'<li><a href="?{escape(urlencode({**query, "account": name}))}">Yes, for {escape(name)}</a></li>'
        for name in sorted(world.accounts)
    )
    title, text = "May the application use your account?", "This is the sandbox: no real cloud, and no password."
    head = f'<!doctype html><html lang="en"><title>{title}</title><link rel="icon" href="data:,">'
    body = f"{head}<main><h1>{title}</h1><p>{text}</p><ul>{links}</ul></main></html>"
    return Reply(body=body.encode(), content_type="text/html; charset=utf-8")


def issue_token(world: World, form: Mapping[str, str], authorization: str) -> tuple[Reply, Grant]:
    """``POST /oauth2/token``: a code or a refresh token for an access token.

    Args:
        world: Everything.
        form: The request's form.
        authorization: Its header, which may hold the application's key and secret.

    Raises:
        Refusal: In the form of RFC 6749.
    """
    key, secret = _client(form, authorization)
    if key != world.grants.app.key or secret not in {"", world.grants.app.secret}:
        raise oauth_error("invalid_client", "Invalid client_id or client_secret")
    match form.get("grant_type"):
        case "authorization_code":
            verifier, redirect_uri = form.get("code_verifier", ""), form.get("redirect_uri", "")
            grant = world.grants.exchange(form.get("code", ""), verifier=verifier, redirect_uri=redirect_uri, now=world.clock.now())
            first = True
        case "refresh_token":
            grant = world.grants.refreshable(form.get("refresh_token", ""))
            first = False
        case _:
            raise oauth_error("unsupported_grant_type", "grant_type must be authorization_code or refresh_token")
    if grant.secret_needed and not secret:
        raise oauth_error("invalid_client", "client_secret is missing")
    body = {
        "access_token": world.issue(grant),
        "token_type": "bearer",
        "expires_in": int(world.grants.access_token_seconds),
    }
    if first:
        account = world.accounts[grant.account].line
        body |= {"refresh_token": grant.refresh_token, "account_id": account.account_id, "uid": account.account_id[-8:], "scope": SCOPES}
    return Reply(body=msgspec.json.encode(body)), grant


def _client(form: Mapping[str, str], authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            key, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise oauth_error("invalid_client", "malformed Authorization header") from error
        return key, secret
    return form.get("client_id", ""), form.get("client_secret", "")
