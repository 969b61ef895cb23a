"""The six screens as modes of the app, each imported when it is first gone to: the first frame needs one of them."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from tui.actions import Place
from tui.screens.doctor import DoctorScreen

if TYPE_CHECKING:
    from tui.screens.base import DeckScreen


def _services() -> "DeckScreen":
    from tui.screens.services import ServicesScreen

    return ServicesScreen()


def _environment() -> "DeckScreen":
    from tui.screens.environment import EnvironmentScreen

    return EnvironmentScreen()


def _database() -> "DeckScreen":
    from tui.screens.database import DatabaseScreen

    return DatabaseScreen()


def _migrations() -> "DeckScreen":
    from tui.screens.migrations import MigrationsScreen

    return MigrationsScreen()


def _tables() -> "DeckScreen":
    from tui.screens.tables import TablesScreen

    return TablesScreen()


MODES: Final[Mapping[Place, "Callable[[], DeckScreen]"]] = {
    Place.DOCTOR: DoctorScreen,
    Place.SERVICES: _services,
    Place.ENVIRONMENT: _environment,
    Place.DATABASE: _database,
    Place.MIGRATIONS: _migrations,
    Place.TABLES: _tables,
}
"""What makes the screen of each place."""
