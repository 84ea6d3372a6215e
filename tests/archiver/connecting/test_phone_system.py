"""A phone system is connected on its page: codes that live for a minute, and refresh tokens that are used once."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import aiohttp

from archiver.keeping import KeptSecrets, opened
from archiver.model import Role
from archiver.sandbox.ringcentral import RingCentral
from archiver.views import ConnectionSpec
from support.connecting import BROWSER, REDIRECT, Scene


async def test_a_phone_system_is_connected_on_its_page(scene: Scene) -> None:
    """The look at the account has used the first refresh token; what is kept is its successor, and that one works."""
    async with RingCentral() as phones:
        login = phones.login()
        options = {"client_id": login.client_id, "base_url": phones.url}
        spec = ConnectionSpec(adapter="ringcentral", options=options, secrets={"client_secret": login.client_secret})
        link = (await scene.desk.invite("acme", spec, role=Role.SOURCE)).link
        assert (await scene.desk.look(link)).title == "RingCentral"
        page = await scene.desk.begin(link, browser=BROWSER, redirect_uri=REDIRECT)
        async with scene.http.get(page, allow_redirects=False) as reply:
            assert reply.status == 302, await reply.text()
            answer = parse_qs(urlsplit(reply.headers["Location"]).query)
        found = await scene.desk.finish(answer["state"][0], answer["code"][0], browser=BROWSER)
        done = await scene.desk.confirm(found.ticket, browser=BROWSER)
        assert (done.connection.role, done.tried) == (Role.SOURCE, False)
        assert opened(done.connection, scene.vault).keys() == {"client_secret", "refresh_token"}
        kept = await KeptSecrets(scene.database, scene.vault, done.connection).read()
        form = {"grant_type": "refresh_token", "refresh_token": kept["refresh_token"]}
        auth = {"Authorization": aiohttp.encode_basic_auth(login.client_id, login.client_secret)}
        async with scene.http.post(f"{phones.url}/restapi/oauth/token", data=form, headers=auth) as reply:
            assert reply.status == 200, await reply.text()
