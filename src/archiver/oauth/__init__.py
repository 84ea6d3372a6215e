"""OAuth 2 for every provider that speaks it: the page where a customer says yes, and the tokens that come of it.

| module | what it knows |
|---|---|
| `provider` | in what the providers differ, as data |
| `link` | what an adapter says of itself, so that its accounts can be linked |
| `linking` | PKCE, and the address of the page where a customer says yes |
| `revoking` | gives leave back |
| `endpoint` | one call to the token endpoint, and what its refusals mean |
| `tokens` | the access token that is valid now: early, once however many wait, stored before it is used |

In: what an account was connected with. Out: access tokens, which are never shown. Next room: the adapter, whose calls they open.
"""

from archiver.oauth.endpoint import Answer, Endpoint, answer_of, request_of
from archiver.oauth.link import Link, Linkable
from archiver.oauth.linking import Pkce, authorize_url, code_form, new_pkce, new_state
from archiver.oauth.provider import Provider
from archiver.oauth.revoking import revoke
from archiver.oauth.tokens import Access, Credentials, KeptTokens, Tokens

__all__ = [
    "Access",
    "Answer",
    "Credentials",
    "Endpoint",
    "KeptTokens",
    "Link",
    "Linkable",
    "Pkce",
    "Provider",
    "Tokens",
    "answer_of",
    "authorize_url",
    "code_form",
    "new_pkce",
    "new_state",
    "request_of",
    "revoke",
]
