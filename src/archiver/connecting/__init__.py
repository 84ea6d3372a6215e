"""Connecting a customer's storage or phone system: from a link that is sent to a connection that works.

`Connecting` is what commands and the console ask (as ``archiver.connecting``); one way for both:

    invited = await connecting.invite("acme", spec)              # → invited.link, shown once; works once, for one customer, 24 hours
    offer = await connecting.look(link)                          # whom it is for, which storage, what is asked for: shown before consent
    url = await connecting.begin(link, browser=cookie, redirect_uri="https://…/connect/answer")   # send the browser there
    found = await connecting.finish(state, code, browser=cookie) # what the provider's page answered: whose account it is, free space
    await connecting.decline(state, browser=cookie)              #   … or that the customer said no; the link may be used again
    done = await connecting.confirm(found.ticket, browser=cookie)  # a test file is written, read and deleted; then the connection is kept

Where there is no page to say yes on (keys, passwords), `enter` takes the place of `begin` and `finish`:

    found = await connecting.enter(link, secrets={"secret_key": …}, browser=cookie)

``browser`` is a random text of at least 16 characters that the caller gives the browser as a cookie (HttpOnly, SameSite=Lax) and nobody
else: an answer or a confirmation that comes from another browser is refused. A link, a state and a ticket are secrets: none of them is
logged, and only hashes of them are kept.

In: customers, options, codes. Out: connections. Next rooms: ``archiver.oauth``, ``archiver.vault``, the adapters.

| module | what it knows |
|---|---|
| `records` | what is answered |
| `desk` | the steps, in their order |
| `adapters` | which adapters there are, and what one says of an account |
| `secrets` | the secrets of an invitation that has not become a connection |
| `trial` | the test file |
"""

from archiver.connecting.adapters import glanced, has_page, link_of, pinged
from archiver.connecting.desk import Connecting
from archiver.connecting.records import Confirmation, Connected, Invited, Offer

__all__ = ["Confirmation", "Connected", "Connecting", "Invited", "Offer", "glanced", "has_page", "link_of", "pinged"]
