"""What the repositories share: a record by its id, a new record under a unique name, a page of records."""

from collections.abc import Sequence
from typing import TypeVar

from psycopg.errors import UniqueViolation
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from stack.booking.errors import AlreadyExistsError, NotFoundError
from stack.booking.models import Customer, Resource, User

Record = TypeVar("Record", User, Customer, Resource)


async def fetch(session: AsyncSession, model: type[Record], key: int) -> Record:
    """Return the record of `model` whose id is `key`.

    Raises:
        NotFoundError: there is none.
    """
    found = await session.get(model, key)
    if found is None:
        raise NotFoundError(model.__name__.lower(), key)
    return found


async def insert(session: AsyncSession, record: Record, unique: str) -> Record:
    """Flush a new `record`, known to people as `unique`, and return it; a refusal leaves the transaction usable.

    Raises:
        AlreadyExistsError: another one has what must be unique.
    """
    try:
        async with session.begin_nested():
            session.add(record)
    except IntegrityError as error:
        if not isinstance(error.orig, UniqueViolation):
            raise
        raise AlreadyExistsError(f"There is a {type(record).__name__.lower()} {unique} already") from None
    return record


async def page(session: AsyncSession, model: type[Record], after: int, limit: int) -> Sequence[Record]:
    """Return at most `limit` records in the order of their ids, those after the id `after`."""
    return (await session.scalars(select(model).where(model.id > after).order_by(model.id).limit(limit))).all()
