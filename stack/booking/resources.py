"""What is booked."""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from stack.booking.models import Resource, ResourceKind
from stack.booking.records import fetch, insert, page


async def create_resource(
    session: AsyncSession, *, kind: ResourceKind, location: str, name: str, capacity: int, hourly_price: Decimal
) -> Resource:
    """Add a resource for at most `capacity` people at once.

    Raises:
        AlreadyExistsError: the location has one of that name.
    """
    resource = Resource(kind=kind, location=location, name=name, capacity=capacity, hourly_price=hourly_price)
    return await insert(session, resource, f"{name}, {location},")


async def get_resource(session: AsyncSession, resource_id: int) -> Resource:
    """Return one resource.

    Raises:
        NotFoundError: there is none.
    """
    return await fetch(session, Resource, resource_id)


async def list_resources(session: AsyncSession, *, after: int = 0, limit: int = 100) -> Sequence[Resource]:
    """Return at most `limit` resources in the order of their ids, those after the id `after`."""
    return await page(session, Resource, after, limit)


async def retire_resource(session: AsyncSession, resource_id: int) -> Resource:
    """Take a resource out of use: what is booked stays booked, nothing new can be.

    Raises:
        NotFoundError: there is none.
    """
    resource = await fetch(session, Resource, resource_id)
    resource.is_active = False
    await session.flush()
    return resource
