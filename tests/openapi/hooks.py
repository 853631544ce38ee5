"""What schemathesis must be told to speak to Herald."""

import schemathesis


@schemathesis.serializer("application/toml")
def write_toml(_context, value) -> bytes | None:
    """A settings file: whatever is no text, and there to be refused, goes as it is printed."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.hook
def map_body(_context, body):
    """JSON Schema counts 13.0 among the integers. Herald wants it written as 13: what it reads, it hands on."""
    if isinstance(body, dict) and isinstance(body.get("n"), float) and body["n"].is_integer():
        body["n"] = int(body["n"])
    return body
