"""What schemathesis cannot know of the vote app from its OpenAPI document."""

from uuid import uuid4

import schemathesis

KEY = "Idempotency-Key"
MAX_KEY_CHARS = 128


@schemathesis.hook
def before_call(context, case, kwargs):
    """Gives every vote a key of its own: one that came with another choice before is refused, as it should be.

    A key that is not well formed is left as it is, and one of the greatest length keeps its length.
    """
    key = (case.headers or {}).get(KEY)
    if isinstance(key, str) and 1 <= len(key) <= MAX_KEY_CHARS and all(" " <= c <= "~" for c in key):
        own = uuid4().hex
        case.headers[KEY] = key[: MAX_KEY_CHARS - len(own)] + own
