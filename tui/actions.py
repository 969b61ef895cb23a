"""Every action of the deck, once: key bindings, footer, help and command palette all read this registry.

An action's `name` is Textual's: ``stop`` is carried out by ``action_stop`` of its screen, or of the app for actions
that work everywhere. What it `needs` is compared with the facts that the screen states, so one predicate serves the
key, the footer's dimming and the palette.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Flag, StrEnum, auto
from typing import Final

from textual.binding import Binding


class Place(StrEnum):
    """Where an action works: on one screen, whose mode has the same name, or everywhere."""

    EVERYWHERE = "everywhere"
    DOCTOR = "doctor"
    SERVICES = "services"
    ENVIRONMENT = "environment"
    DATABASE = "database"
    MIGRATIONS = "migrations"
    TABLES = "tables"


class Fact(Flag):
    """What is so at this moment, as far as actions depend on it."""

    NONE = 0
    OPEN = auto()
    """A project is open."""
    IDLE = auto()
    """No long action is under way."""
    BUSY = auto()
    """A long action is under way."""
    MANAGED = auto()
    """The services are this project's own, to start and to stop."""
    SELECTED = auto()
    """Something that the action can be about is selected."""
    EXISTS = auto()
    """The selected service has a container."""
    BROWSABLE = auto()
    """The selected service has an address for a browser."""
    PGADMIN = auto()
    """One of the services is pgAdmin."""
    LOG_SEARCHED = auto()
    """Something is looked for in the log."""
    LOG_SIFTED = auto()
    """Something is looked for in the log, or only some of it is shown."""
    SECRET = auto()
    """The selected variable is a secret."""
    MENDABLE = auto()
    """Something is wrong with what is selected that the deck can mend."""
    WRITTEN = auto()
    """The selected variable has a line in the file."""
    UNMADE = auto()
    """There is no file of variables, and one can be made."""
    PENDING = auto()
    """There are migrations to apply."""
    APPLIED = auto()
    """There are migrations to take back."""
    REACHABLE = auto()
    """The selected revision can be gone back to."""
    UNMARKED = auto()
    """The database is not marked as being at the selected revision."""
    EXAMINED = auto()
    """The doctor has looked at the project."""
    CHOICE = auto()
    """There are several ways out of what is shown."""
    FOUND = auto()
    """A finding is shown."""
    FIXABLE = auto()
    """A finding is shown that the deck can mend."""
    BEFORE = auto()
    """There are rows before the ones shown."""
    AFTER = auto()
    """There are rows after the ones shown."""
    ROW = auto()
    """The cursor is on a row."""
    REFERENCE = auto()
    """The cell under the cursor refers to a row of another table, or of the same one."""
    KEYED = auto()
    """The rows shown have a key."""
    FOLLOWED = auto()
    """The rows shown were come to by a reference."""
    FILTERED = auto()
    """Only some rows of the table are shown, those that meet conditions."""
    AWAITED = auto()
    """An answer of the database is awaited."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a person can do.

    `keys` are Textual's, several separated by commas; `key` is how the first is written on screen. `title` is for the
    footer and the palette, `description` is a sentence for the help. Only what has `footer` stands in the footer.
    """

    place: Place
    name: str
    keys: str
    key: str
    title: str
    description: str
    needs: Fact = Fact.NONE
    footer: bool = True

    @property
    def call(self) -> str:
        """Textual's spelling of the call that carries it out."""
        return self.name if "(" in self.name else f"{self.name}()"

    @property
    def id(self) -> str:
        """Its name among all actions."""
        return f"{self.place}.{self.name}"

    def is_available(self, facts: Fact) -> bool:
        """Whether all that it needs is so."""
        return self.needs in facts


_CHANGES: Final = Fact.OPEN | Fact.IDLE
_MANAGES: Final = _CHANGES | Fact.MANAGED

ACTIONS: Final = (
    Action(
        Place.DOCTOR,
        "do_next",
        "enter",
        "⏎",
        "Do it",
        "Do the highlighted next step.",
        _CHANGES | Fact.SELECTED,
    ),
    Action(
        Place.DOCTOR,
        "choose_another",
        "a",
        "a",
        "Another way",
        "Choose another way out of what is shown; Enter does the one that is highlighted.",
        Fact.CHOICE,
    ),
    Action(
        Place.DOCTOR,
        "move(1)",
        "down,j",
        "↓",
        "Below",
        "Look at the line below in the list, and at what can be done about it.",
        Fact.EXAMINED,
        footer=False,
    ),
    Action(
        Place.DOCTOR,
        "move(-1)",
        "up,k",
        "↑",
        "Above",
        "Look at the line above in the list.",
        Fact.EXAMINED,
        footer=False,
    ),
    Action(
        Place.DOCTOR,
        "fold_or_unfold",
        "space",
        "␣",
        "Checks",
        "Show every check of the stage, or only those that found something.",
        Fact.EXAMINED,
    ),
    Action(
        Place.DOCTOR,
        "save_report",
        "b",
        "b",
        "Bug report",
        "Write a report for a bug tracker to a new file: versions, checks, plan and logs, without secrets.",
        _CHANGES,
    ),
    Action(
        Place.SERVICES,
        "start_all",
        "u",
        "u",
        "Up",
        "Create or start everything that the Compose file enables, and wait until it is healthy.",
        _MANAGES,
    ),
    Action(
        Place.SERVICES,
        "start",
        "s",
        "s",
        "Start",
        "Create or start the selected service, with what it depends on.",
        _MANAGES | Fact.SELECTED,
    ),
    Action(
        Place.SERVICES,
        "stop",
        "x",
        "x",
        "Stop",
        "Stop the selected service. Its container and its data stay.",
        _MANAGES | Fact.SELECTED,
    ),
    Action(
        Place.SERVICES,
        "restart",
        "t",
        "t",
        "Restart",
        "Stop and start the selected service's container as it is.",
        _MANAGES | Fact.SELECTED,
    ),
    Action(
        Place.SERVICES,
        "take_down",
        "d",
        "d",
        "Down",
        "Remove the project's containers and networks. The data stays.",
        _MANAGES,
    ),
    Action(
        Place.SERVICES,
        "destroy",
        "D",
        "D",
        "Down with data",
        "Remove the containers, the networks and the volumes, and with them all data.",
        _MANAGES,
        footer=False,
    ),
    Action(
        Place.SERVICES,
        "show_details",
        "i",
        "i",
        "Details",
        "Show the selected service's details in the place of its log, or the log again.",
        Fact.SELECTED,
    ),
    Action(
        Place.SERVICES,
        "psql",
        "p",
        "p",
        "psql",
        "Hand the terminal over to psql, on the project's database; its \\q comes back here.",
        Fact.OPEN,
    ),
    Action(
        Place.SERVICES,
        "open_address",
        "o",
        "o",
        "Open",
        "Open the selected service's published port in the browser.",
        Fact.BROWSABLE,
    ),
    Action(
        Place.SERVICES,
        "open_pgadmin",
        "g",
        "g",
        "pgAdmin",
        "Open pgAdmin in the browser, as soon as it answers.",
        Fact.PGADMIN,
        footer=False,
    ),
    Action(
        Place.SERVICES,
        "copy",
        "c",
        "c",
        "Copy",
        "Copy the selected service's container name, image or address.",
        Fact.EXISTS,
        footer=False,
    ),
    Action(
        Place.SERVICES,
        "widen_logs",
        "l",
        "l",
        "Logs of all",
        "Follow the logs of all services, or of the selected one again.",
        Fact.OPEN,
    ),
    Action(
        Place.SERVICES,
        "search_log",
        "slash",
        "/",
        "Search log",
        "Look for text in the log, or with Ctrl+R for a regular expression. Capitals count where you type one.",
        Fact.OPEN,
        footer=True,
    ),
    Action(
        Place.SERVICES,
        "next_match",
        "n",
        "n",
        "Next match",
        "Go to the next line that was searched for.",
        Fact.LOG_SEARCHED,
        footer=False,
    ),
    Action(
        Place.SERVICES,
        "previous_match",
        "N",
        "N",
        "Match before",
        "Go to the line before that was searched for.",
        Fact.LOG_SEARCHED,
        footer=False,
    ),
    Action(
        Place.SERVICES,
        "filter_log",
        "ampersand",
        "&",
        "Filter log",
        "Show only the lines of the log with a text, or with Ctrl+R a regular expression.",
        Fact.OPEN,
        footer=True,
    ),
    Action(
        Place.SERVICES,
        "raise_log_level",
        "m",
        "m",
        "Least level",
        "Show only lines from a level up: information, warnings, errors, then all again.",
        Fact.OPEN,
        footer=False,
    ),
    Action(
        Place.SERVICES,
        "clear_log_search",
        "escape",
        "Esc",
        "Clear search",
        "Search the log for nothing, and show all of it again.",
        Fact.LOG_SIFTED | Fact.IDLE,
        footer=False,
    ),
    Action(
        Place.SERVICES,
        "follow_log",
        "G",
        "G",
        "End of log",
        "Go to the newest line and stay at the end.",
        Fact.OPEN,
        footer=False,
    ),
    Action(
        Place.SERVICES,
        "pause_log",
        "space",
        "␣",
        "Pause log",
        "Add nothing to the log that is shown, or go on with all that has come meanwhile.",
        Fact.OPEN,
        footer=False,
    ),
    Action(
        Place.SERVICES,
        "wrap_log",
        "z",
        "z",
        "Wrap",
        "Break the long lines of the log, or let them run on to the right.",
        Fact.OPEN,
        footer=False,
    ),
    Action(
        Place.SERVICES,
        "time_log",
        "h",
        "h",
        "Times",
        "Show when each line of the log was written, or leave it out.",
        Fact.OPEN,
        footer=False,
    ),
    Action(
        Place.SERVICES,
        "save_log",
        "ctrl+s",
        "^S",
        "Save log",
        "Save the log to a new file.",
        Fact.OPEN,
        footer=False,
    ),
    Action(
        Place.SERVICES,
        "preview",
        "v",
        "v",
        "Plan",
        "Show what «Up» would do to each resource, and why; nothing is done.",
        _MANAGES,
    ),
    Action(
        Place.ENVIRONMENT,
        "edit",
        "enter",
        "⏎",
        "Edit",
        "Give the selected variable another value. What changes in the file is shown before it is written.",
        _CHANGES | Fact.SELECTED,
    ),
    Action(
        Place.ENVIRONMENT,
        "reveal",
        "v,space",
        "v",
        "Reveal",
        "Show the selected secret for twenty seconds, or hide it again.",
        Fact.SECRET,
    ),
    Action(
        Place.ENVIRONMENT,
        "mend",
        "m",
        "m",
        "Mend",
        "Mend what is wrong with the selected variable.",
        _CHANGES | Fact.MENDABLE,
    ),
    Action(
        Place.ENVIRONMENT,
        "remove",
        "d",
        "d",
        "Remove",
        "Take the selected variable's lines out of the file.",
        _CHANGES | Fact.WRITTEN,
    ),
    Action(
        Place.ENVIRONMENT,
        "init",
        "i",
        "i",
        "Init .env",
        "Make .env from its template, with generated passwords. An existing file is never overwritten.",
        _CHANGES | Fact.UNMADE,
    ),
    Action(
        Place.DATABASE,
        "psql",
        "p",
        "p",
        "psql",
        "Hand the terminal over to psql, on the project's database; its \\q comes back here.",
        Fact.OPEN,
    ),
    Action(
        Place.MIGRATIONS,
        "apply_all",
        "a",
        "a",
        "Apply all",
        "Apply every pending migration, oldest first.",
        _CHANGES | Fact.PENDING,
    ),
    Action(
        Place.MIGRATIONS,
        "apply_next",
        "n",
        "n",
        "Apply next",
        "Apply the oldest pending migration.",
        _CHANGES | Fact.PENDING,
    ),
    Action(
        Place.MIGRATIONS,
        "downgrade",
        "d",
        "d",
        "Downgrade",
        "Take migrations back until the selected revision is the current one.",
        _CHANGES | Fact.APPLIED | Fact.REACHABLE,
    ),
    Action(
        Place.MIGRATIONS,
        "show_revision",
        "enter,i",
        "⏎",
        "SQL",
        "Show the selected revision beside or below the list, with its SQL and its risks; or hide it.",
        Fact.SELECTED,
    ),
    Action(
        Place.MIGRATIONS,
        "rehearse",
        "h",
        "h",
        "Rehearse",
        "Run what is pending on the database and roll it back, to see the SQL of steps that read from it.",
        _CHANGES | Fact.PENDING,
        footer=False,
    ),
    Action(
        Place.MIGRATIONS,
        "turn_sql",
        "v",
        "v",
        "Up/down",
        "Show the SQL of the selected revision's downgrade, or of its upgrade again.",
        Fact.SELECTED,
        footer=False,
    ),
    Action(
        Place.MIGRATIONS,
        "new",
        "m",
        "m",
        "New",
        "Make a migration: from the models, empty, or one that joins the heads. It is shown before it is written.",
        _CHANGES,
        footer=False,
    ),
    Action(
        Place.MIGRATIONS,
        "compare",
        "c",
        "c",
        "Drift",
        "Compare models, migrations and the real database. What was not looked at is listed too.",
        _CHANGES,
        footer=False,
    ),
    Action(
        Place.MIGRATIONS,
        "stamp",
        "S",
        "S",
        "Stamp",
        "Mark the database as being at the selected revision. No table changes; what that means is shown first.",
        _CHANGES | Fact.UNMARKED,
        footer=False,
    ),
    Action(
        Place.TABLES,
        "next_page",
        "pagedown,n",
        "PgDn",
        "Next",
        "The next page of rows.",
        Fact.AFTER,
    ),
    Action(
        Place.TABLES,
        "previous_page",
        "pageup,p",
        "PgUp",
        "Previous",
        "The previous page of rows.",
        Fact.BEFORE,
    ),
    Action(Place.TABLES, "first_page", "home,g", "Home", "First", "The first rows.", Fact.SELECTED, footer=False),
    Action(Place.TABLES, "last_page", "end,G", "End", "Last", "The last rows.", Fact.SELECTED, footer=False),
    Action(
        Place.TABLES,
        "filter",
        "slash",
        "/",
        "Filter",
        "Show only the rows that meet a condition on the column under the cursor.",
        Fact.SELECTED,
    ),
    Action(
        Place.TABLES,
        "sort",
        "s",
        "s",
        "Sort",
        "Sort by the column under the cursor: upwards, downwards, then by the key again.",
        Fact.SELECTED,
    ),
    Action(Place.TABLES, "follow", "enter", "⏎", "Follow", "Go to the row that the cell refers to.", Fact.REFERENCE),
    Action(
        Place.TABLES,
        "go_back",
        "backspace",
        "⌫",
        "Back",
        "Go back to where the reference was followed from: the table, the page and the cell.",
        Fact.FOLLOWED,
    ),
    Action(
        Place.TABLES,
        "show_row",
        "i",
        "i",
        "Row",
        "Show the row whole: long text wrapped, JSON to be folded, bytes in hex.",
        Fact.ROW,
    ),
    Action(
        Place.TABLES,
        "show_details",
        "d",
        "d",
        "Details",
        "Show the table's columns, constraints, indexes, triggers, the statements that make it, and its migration.",
        Fact.SELECTED,
    ),
    Action(
        Place.TABLES,
        "show_uses",
        "u",
        "u",
        "Used by",
        "Show which rows of other tables refer to the row, how many they are, and go to them.",
        Fact.ROW,
    ),
    Action(
        Place.TABLES,
        "only_these",
        "o",
        "o",
        "Only these",
        "Show only the rows that have the value of the cell under the cursor.",
        Fact.ROW,
        footer=False,
    ),
    Action(
        Place.TABLES,
        "not_these",
        "O",
        "O",
        "Not these",
        "Leave out the rows that have the value of the cell under the cursor.",
        Fact.ROW,
        footer=False,
    ),
    Action(
        Place.TABLES,
        "clear_filters",
        "x",
        "x",
        "All rows",
        "Take the filter away; where there are several, all of them or one.",
        Fact.FILTERED,
    ),
    Action(
        Place.TABLES,
        "edit_filter",
        "E",
        "E",
        "Edit filter",
        "Change the filter; where there are several, one that is picked.",
        Fact.FILTERED,
        footer=False,
    ),
    Action(
        Place.TABLES,
        "show_plan",
        "e",
        "e",
        "Plan",
        "Show how the server reads this page, with a warning where it would read something huge. Nothing is run.",
        Fact.SELECTED,
        footer=False,
    ),
    Action(
        Place.TABLES,
        "go_to_key",
        "k",
        "k",
        "Key",
        "Go to the page that begins at a key, or where the key would be.",
        Fact.KEYED,
        footer=False,
    ),
    Action(
        Place.TABLES,
        "find_table",
        "t",
        "t",
        "Find table",
        "Type a part of a table's name to find it; Enter goes to its rows.",
        Fact.OPEN,
    ),
    Action(
        Place.TABLES,
        "open_console",
        "S",
        "S",
        "SQL",
        "Open the SQL console, which only reads; what is typed there stays.",
        Fact.OPEN,
    ),
    Action(
        Place.TABLES,
        "count",
        "number_sign",
        "#",
        "Count",
        "Count the rows exactly, which reads all of them; Esc stops it.",
        _CHANGES | Fact.SELECTED,
        footer=False,
    ),
    Action(
        Place.TABLES,
        "give_up",
        "escape",
        "Esc",
        "Stop asking",
        "Wait no longer for rows or tables; the server stops working on them.",
        Fact.AWAITED | Fact.IDLE,
        footer=False,
    ),
    Action(
        Place.TABLES,
        "copy",
        "c",
        "c",
        "Copy",
        "Copy the cell, its row or the page, as text, CSV, JSON or SQL; long values are read whole.",
        Fact.SELECTED,
        footer=False,
    ),
    Action(
        Place.TABLES,
        "export",
        "ctrl+s",
        "^S",
        "Export",
        "Write all rows, not only this page, to a new file: CSV or JSON Lines.",
        _CHANGES | Fact.SELECTED,
        footer=False,
    ),
    Action(
        Place.TABLES,
        "seed",
        "b",
        "b",
        "Sample bookings",
        "Fill the booking tables with a thousand believable bookings.",
        _CHANGES,
        footer=False,
    ),
    Action(Place.EVERYWHERE, "fix", "f", "f", "Fix", "Mend what the banner says.", _CHANGES | Fact.FIXABLE),
    Action(
        Place.EVERYWHERE,
        "explain",
        "w",
        "w",
        "Why",
        "Say all that is known about what is wrong, with every way out of it.",
        Fact.FOUND,
    ),
    Action(
        Place.EVERYWHERE,
        "abandon",
        "escape",
        "Esc",
        "Stop",
        "Stop the action that is under way. What it did so far stays.",
        Fact.BUSY,
    ),
    Action(Place.EVERYWHERE, "show_mode('doctor')", "1", "1", "Doctor", "From Docker to data.", footer=False),
    Action(Place.EVERYWHERE, "show_mode('services')", "2", "2", "Services", "What runs, and its logs.", footer=False),
    Action(
        Place.EVERYWHERE, "show_mode('environment')", "3", "3", "Environment", "The settings in .env.", footer=False
    ),
    Action(
        Place.EVERYWHERE, "show_mode('database')", "4", "4", "Database", "The server and who is on it.", footer=False
    ),
    Action(Place.EVERYWHERE, "show_mode('migrations')", "5", "5", "Migrations", "The schema's history.", footer=False),
    Action(Place.EVERYWHERE, "show_mode('tables')", "6", "6", "Tables", "The rows.", footer=False),
    Action(Place.EVERYWHERE, "look_again", "r,f5", "r", "Refresh", "Look again at everything on this screen."),
    Action(Place.EVERYWHERE, "command_palette", "ctrl+p,colon", ":", "Commands", "Search all actions.", footer=False),
    Action(Place.EVERYWHERE, "switch_theme", "T", "T", "Theme", "Switch between night and paper.", footer=False),
    Action(Place.EVERYWHERE, "help", "question_mark,f1", "?", "Help", "What this screen shows, and every key."),
    Action(Place.EVERYWHERE, "quit", "q", "q", "Quit", "Leave. What runs keeps running."),
)

_BY_NAME: Final = {(action.place, action.name.partition("(")[0]): action for action in ACTIONS}


def find(place: Place, name: str) -> Action | None:
    """Return the action that Textual's action `name`, without parameters, stands for."""
    return _BY_NAME.get((place, name))


def at(place: Place) -> Iterator[Action]:
    """Yield the actions of `place`, in the order in which they are shown."""
    return (action for action in ACTIONS if action.place is place)


def bindings(place: Place) -> list[Binding]:
    """Return the key bindings of the actions of `place`."""
    return [
        Binding(
            action.keys,
            action.name,
            action.title,
            show=action.footer,
            key_display=action.key,
            tooltip=action.description,
            id=action.id,
        )
        for action in at(place)
    ]
