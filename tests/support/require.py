"""Skip where something real is absent, and fail instead where `STACKDECK_REQUIRE` says that it must be there."""

import os

import pytest


def require(what: str, present: bool, reason: str) -> None:
    """Skip the test with `reason` where `what` is not `present`; fail it where the environment requires `what`."""
    if present:
        return
    if what in os.environ.get("STACKDECK_REQUIRE", "").split(","):
        pytest.fail(f"{what} is required here: {reason}")
    pytest.skip(reason)
