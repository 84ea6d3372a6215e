"""What every adapter that speaks HTTP needs, and no provider has to itself.

| module | what it knows |
|---|---|
| `body` | bytes on their way, without a copy |
| `window` | a stream cut into chunks |
| `progress` | how long a call may take: as long as bytes move |
| `repeats` | requests that aiohttp must not repeat by itself |
| `replies` | the beginning of an error's body, Retry-After, the lack of an answer |
| `addresses` | addresses and words that come from options |

In: what an adapter sends and gets. Out: the same, watched over, or an error of the tree. What a provider's words mean is the
adapter's to know.
"""

__all__: list[str] = []
