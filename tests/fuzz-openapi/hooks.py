"""What the fuzzer must know of this world: tokens, families and platforms that there are, and what
no answer may be."""

import os

import schemathesis

TOKENS = {"user-token": os.environ["FUZZ_USER"], "admin-token": os.environ["FUZZ_ADMINISTRATOR"]}

# Values that the vendor in the box knows; every third request has them in place of invented ones.
KNOWN = {
    "fmspc": "FF53494D554C",
    "slot": "enclave-identity/qe/1",
    "tcbEvaluationDataNumber": "1",
    "uri": "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
}
EVERY = 3

count = 0


@schemathesis.serializer("application/toml")
def as_it_is(ctx, value):
    """A policy is text; what the document says of it is that and no more."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.hook
def before_call(context, case, kwargs):
    """Right tokens: wrong ones are looked at ten times only, and have tests of their own."""
    global count
    count += 1
    case.headers.update(TOKENS)
    if count % EVERY == 0:
        for name, value in KNOWN.items():
            if name in case.query:
                case.query[name] = value


@schemathesis.check
def nothing_broke(ctx, response, case):
    """A failure of the service is none of the answers that a client may bring about."""
    assert response.status_code not in (500, 501, 504), "the service failed"
    if response.status_code == 503 and case.operation.path != "/readyz":
        assert not response.content, "Intel's client takes it for the next answer"


@schemathesis.check
def it_says_that_it_is_simulated(ctx, response, case):
    """So does every answer under a simulated anchor that the service itself gives."""
    header = response.headers.get("bulla-simulated")
    assert header == ["true"], f"Bulla-Simulated: {header}"
