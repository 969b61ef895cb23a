"""Whether an engine is there at all: asked once, briefly, before anything is decided on it."""

from collections.abc import Mapping
from typing import Final

from stack.background import in_thread
from stack.findings import Failure
from stack.services.engine.connection import Engine
from stack.services.engine.endpoint import other_engines, resolve_endpoint
from stack.services.engine.errors import refused
from stack.services.engine.reader import Refusal
from stack.services.runtime import EngineAnswer

PATIENCE: Final = 1.5
"""Seconds that an engine has to say its version: less than a check of the doctor's, which then knows why."""


async def ask_engine(environ: Mapping[str, str]) -> EngineAnswer:
    """Return what the engine that `environ` names answers, or why it does not."""
    try:
        engine = Engine(resolve_endpoint(environ), environ, seconds=PATIENCE)
    except Failure as failure:
        return EngineAnswer(None, None, failure.finding)
    try:
        version = await engine.look(lambda reader: reader.engine_version())
    except Failure as failure:
        others = await in_thread(lambda: other_engines(engine.endpoint, environ))
        return EngineAnswer(engine.endpoint.url, None, failure.finding, others)
    except Refusal as error:
        return EngineAnswer(engine.endpoint.url, None, refused("asking for its version", error).finding)
    finally:
        engine.close()
    return EngineAnswer(engine.endpoint.url, version)
