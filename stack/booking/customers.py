"""Those who book."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from stack.booking.models import Customer
from stack.booking.records import fetch, page


async def create_customer(
    session: AsyncSession, *, full_name: str, email: str | None = None, phone: str | None = None
) -> Customer:
    """Add a customer; people who share a name or an address are different customers."""
    customer = Customer(full_name=full_name, email=email, phone=phone)
    session.add(customer)
    await session.flush()
    return customer


async def get_customer(session: AsyncSession, customer_id: int) -> Customer:
    """Return one customer.

    Raises:
        NotFoundError: there is none.
    """
    return await fetch(session, Customer, customer_id)


async def list_customers(session: AsyncSession, *, after: int = 0, limit: int = 100) -> Sequence[Customer]:
    """Return at most `limit` customers in the order of their ids, those after the id `after`."""
    return await page(session, Customer, after, limit)
