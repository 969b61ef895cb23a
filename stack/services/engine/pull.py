"""Pulling images: several at once, with their progress, the errors within the streams, and stopping in the middle."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Final, cast

from docker.errors import APIError

from stack.findings import Progress
from stack.services.engine.connection import Engine
from stack.services.engine.errors import words
from stack.services.engine.layers import Layers, Message
from stack.services.engine.pull_errors import pull_failed
from stack.services.engine.sdk import Client
from stack.services.engine.steps import PullImage
from stack.text import clean_line

_REPORT_SECONDS: Final = 0.1


async def pull_images(engine: Engine, steps: Sequence[PullImage], progress: Progress) -> None:
    """Pull all images of `steps` at once; the engine itself limits how many layers it loads at a time.

    `progress` is told at most ten times a second, in gauges: all of it first, then each layer. One image that cannot be
    pulled ends the pulls of the others. So does cancelling: the connections are closed, upon which the engine stops.

    Raises:
        Failure: the registry or the engine refused it.
    """
    layers = Layers([step.reference for step in steps])
    for step in steps:
        progress(f"Pulling {clean_line(step.reference)}")
    pulls = [asyncio.create_task(_pull(engine, step, layers)) for step in steps]
    pending, told = set(pulls), layers.report(time.monotonic())
    try:
        while pending:
            done, pending = await asyncio.wait(pending, timeout=_REPORT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for pull in done:
                progress(f"Pulled {clean_line(pull.result())}")
            if not done and (report := layers.report(time.monotonic())) != told:
                progress(*report)
                told = report
    finally:
        for pull in pulls:
            pull.cancel()
        await asyncio.gather(*pulls, return_exceptions=True)


async def _pull(engine: Engine, step: PullImage, layers: Layers) -> str:
    def read(client: Client) -> None:
        for message in _messages(client, step):
            if error := message.get("error"):
                raise pull_failed(step.reference, error)
            layers.take(message)

    try:
        await engine.call_alone(read)
    except APIError as error:
        raise pull_failed(step.reference, words(error)) from None
    return step.reference


def _messages(client: Client, step: PullImage) -> Iterator[Message]:
    return cast("Iterator[Message]", client.pull(step.reference, stream=True, decode=True, platform=step.platform))
