"""Why an image cannot be pulled: the engine's and the registry's words, told as a cause and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from stack.findings import Code, Failure, Finding, Fix
from stack.services.engine.errors import disk_full, has_no_space


@dataclass(frozen=True, slots=True)
class _Reason:
    """What it means where one of `marks` is in the words, in lower case."""

    marks: Sequence[str]
    cause: str
    fixes: tuple[Fix, ...]


_LOGIN: Final = "docker login"
_AGAIN: Final = Fix("Try again", "stackdeck up")
_PROXY: Final = Fix("See which proxy the engine uses", "docker info --format '{{.HTTPProxy}} {{.HTTPSProxy}}'")

# The first that fits is taken, so what is more particular comes before what is more general.
_REASONS: Final = (
    _Reason(
        ("toomanyrequests", "too many requests", "rate limit"),
        "The registry has had enough requests from this address for now.",
        (Fix("Log in: accounts have a limit of their own", _LOGIN), Fix("Or wait, then try again", "stackdeck up")),
    ),
    _Reason(
        ("no matching manifest", "does not match the specified platform", "does not provide the specified platform"),
        "The image is not made for this kind of machine, or not for the `platform:` that the Compose file asks for.",
        (Fix("Take another tag, or a `platform:` that the image is made for, in the Compose file"),),
    ),
    _Reason(
        ("incorrect username or password",),
        "The registry does not accept the login that the Docker CLI has stored for it.",
        (Fix("Log in again", _LOGIN),),
    ),
    _Reason(
        ("no basic auth credentials", "unauthorized", "authentication required", "403 forbidden", "denied"),
        "The registry does not let you have it: the image is private, or there is none of this name.",
        (Fix("Check the image's name in the Compose file"), Fix("Log in, where the image is private", _LOGIN)),
    ),
    _Reason(
        ("server gave http response to https client", "first record does not look like a tls handshake"),
        "The registry speaks HTTP without TLS, which the engine uses only where it is told to.",
        (Fix("Name the registry under `insecure-registries` in the engine's daemon.json, or give it TLS"),),
    ),
    _Reason(
        ("x509:", "tls:", "certificate"),
        "The engine does not trust the registry's TLS: its certificate is of an unknown issuer, out of date or for "
        "another name, or a proxy stands in between.",
        (
            Fix("Give the engine the issuer's certificate, in /etc/docker/certs.d/REGISTRY/ca.crt"),
            Fix(
                "Check the engine's clock: a wrong one makes certificates invalid",
                "docker info --format '{{.SystemTime}}'",
            ),
        ),
    ),
    _Reason(
        ("proxyconnect",),
        "The engine cannot reach its proxy.",
        (_PROXY, Fix("Correct the proxy in the engine's own settings, then try again", "stackdeck up")),
    ),
    _Reason(
        ("no such host", "server misbehaving", "temporary failure in name resolution"),
        "The registry's name is not known here: there is no network, or the name is wrong.",
        (Fix("Check the network and the registry's name, then try again", "stackdeck up"), _PROXY),
    ),
    _Reason(
        (
            "verification failed",
            "unexpected eof",
            "digest mismatch",
            "unexpected commit digest",
            "failed commit",
            "short read",
        ),
        "What came is not what the registry announced: a layer broke off or was changed on its way.",
        (_AGAIN, Fix("If it stays so, push the image anew, or see whether a proxy or a mirror alters it")),
    ),
    _Reason(
        ("manifest unknown", "not found", "name unknown", "does not exist"),
        "The registry has no such image, or not with this tag.",
        (Fix("Check the image's name and tag in the Compose file"),),
    ),
    _Reason(
        ("dial tcp", "timeout", "deadline exceeded", "connection refused", "connection reset", "unreachable"),
        "The registry does not answer the engine.",
        (Fix("Check the network and the registry's address, then try again", "stackdeck up"), _PROXY),
    ),
    _Reason(
        ("invalid reference format", "invalid repository name", "repository name must be"),
        "This is no image's name.",
        (Fix("Correct the image's name in the Compose file"),),
    ),
    _Reason(
        ("500 internal server error", "502 bad gateway", "503 service unavailable", "504 gateway"),
        "The registry itself is in trouble.",
        (Fix("Wait a little, then try again", "stackdeck up"),),
    ),
)


def pull_failed(reference: str, evidence: str) -> Failure:
    """Return the failure of a pull that ended in `evidence`, the registry's or the engine's words."""
    if has_no_space(evidence):
        return Failure(disk_full(f"pulling {reference}", evidence))
    # The reference is quoted in many of them, and may say anything.
    lowered = evidence.lower().replace(reference.lower(), "")
    reason = next((it for it in _REASONS if any(mark in lowered for mark in it.marks)), None)
    fixes = reason.fixes if reason else (_AGAIN,)
    return Failure(
        Finding(
            Code.IMAGE_PULL_FAILED,
            f"The image {reference} cannot be pulled",
            reason.cause if reason else "The engine gave up on it.",
            evidence=evidence,
            fixes=tuple(replace(fix, command=_login(reference)) if fix.command == _LOGIN else fix for fix in fixes),
        )
    )


def _login(reference: str) -> str:
    """Return the command that logs in to the registry of `reference`, which is Docker Hub where it names none."""
    first, slash, _ = reference.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return f"{_LOGIN} {first}" if named else _LOGIN
