"""The staff who make and change bookings."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from stack.booking.models import User
from stack.booking.records import fetch, insert, page


async def create_user(session: AsyncSession, *, email: str, full_name: str) -> User:
    """Add a user.

    Raises:
        AlreadyExistsError: somebody has that address, in whatever case.
    """
    return await insert(session, User(email=email, full_name=full_name), email)


async def get_user(session: AsyncSession, user_id: int) -> User:
    """Return one user.

    Raises:
        NotFoundError: there is none.
    """
    return await fetch(session, User, user_id)


async def list_users(session: AsyncSession, *, after: int = 0, limit: int = 100) -> Sequence[User]:
    """Return at most `limit` users in the order of their ids, those after the id `after`."""
    return await page(session, User, after, limit)
