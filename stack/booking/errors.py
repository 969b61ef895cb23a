"""What the rules of booking refuse, each as an error of its own that says so in a sentence."""

from datetime import datetime

from stack.booking.models import Booking, BookingStatus, Resource


class BookingError(Exception):
    """The base of all that the booking functions refuse; nothing of what was refused is in the session."""


class NotFoundError(BookingError):
    """There is no such record."""

    def __init__(self, kind: str, key: int) -> None:
        """Take what was looked for, such as ``booking``, and its id."""
        super().__init__(f"There is no {kind} {key}")
        self.kind = kind
        self.key = key


class AlreadyExistsError(BookingError):
    """A record that must be the only one of its name is there already."""


class InvalidBookingError(BookingError):
    """What was asked for is no booking, whatever else is booked."""


class StatusError(BookingError):
    """A booking's status does not allow what was asked for."""

    def __init__(self, booking: Booking, wanted: str) -> None:
        """Take the booking and what was to be done to it, such as ``confirmed``."""
        super().__init__(f"Booking {booking.id} is {booking.status.value.replace('_', ' ')} and cannot be {wanted}")
        self.booking_id = booking.id
        self.status: BookingStatus = booking.status


class ResourceAlreadyBookedError(BookingError):
    """The resource is taken at that time.

    `conflict` is the booking in the way, with its customer; None where it went away in the same moment.
    """

    def __init__(self, resource: Resource, starts_at: datetime, ends_at: datetime, conflict: Booking | None) -> None:
        """Take the resource, the time that was wanted and the booking that has it."""
        if conflict is None:
            taken = "was taken a moment ago"
        else:
            taken = (
                f"is taken from {conflict.starts_at:%Y-%m-%d %H:%M %Z} to {conflict.ends_at:%Y-%m-%d %H:%M %Z} "
                f"by {conflict.customer.full_name} (booking {conflict.id})"
            )
        wanted = f"from {starts_at:%Y-%m-%d %H:%M %Z} to {ends_at:%Y-%m-%d %H:%M %Z}"
        super().__init__(f"{resource.name}, {resource.location}, cannot be booked {wanted}: it {taken}")
        self.conflict = conflict
