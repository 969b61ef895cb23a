"""A table that is shown again and again: what did not change stays where it is, the cursor stays on its row."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import DataTable

if TYPE_CHECKING:
    from textual.widgets._data_table import CellKey, RowKey


class Drawn(Sequence[Text]):
    """Cells that are drawn as they are asked for: of a row of 1,600 columns a screen shows twenty."""

    def __init__(self, count: int, draw: Callable[[int], Text]) -> None:
        """Have `count` cells."""
        self._count = count
        self._draw = draw

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int, /) -> Text: ...

    @overload
    def __getitem__(self, place: "slice[int | None, int | None, int | None]", /) -> tuple[Text, ...]: ...

    def __getitem__(self, place: "int | slice[int | None, int | None, int | None]", /) -> Text | tuple[Text, ...]:
        if isinstance(place, slice):
            return tuple(map(self._draw, range(self._count)[place]))
        return self._draw(range(self._count)[place])


@dataclass(frozen=True, slots=True)
class GridRow:
    """One row; `key` tells it from all others in its grid, from one look to the next."""

    key: str
    cells: Sequence[Text]


class Grid(DataTable[Text]):
    """A `DataTable` of `Text` on one line, never of markup, which takes a whole new content and changes what differs.

    A row that is the very object that it was is not looked at.
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        """Make an empty grid whose cursor is a row."""
        super().__init__(cursor_type="row", cursor_foreground_priority="renderable", id=id)
        self._titles: tuple[Text, ...] = ()
        self._shown: tuple[GridRow, ...] = ()

    @property
    def selected_key(self) -> str | None:
        """The key of the row under the cursor."""
        return self._shown[self.cursor_row].key if 0 <= self.cursor_row < len(self._shown) else None

    def replace(self, titles: Sequence[Text], rows: Sequence[GridRow]) -> None:
        """Show `rows` under `titles`."""
        if tuple(titles) != self._titles:
            self._rebuild(titles, rows)
        elif [row.key for row in rows] == [row.key for row in self._shown]:
            self._update(rows)
        else:
            self._refill(rows)
        self._shown = tuple(rows)

    def _rebuild(self, titles: Sequence[Text], rows: Sequence[GridRow]) -> None:
        self.clear(columns=True)
        for title in titles:
            self.add_column(title)
        self._titles = tuple(titles)
        self._add(rows)

    def _refill(self, rows: Sequence[GridRow]) -> None:
        selected, column, scroll = self.selected_key, self.cursor_column, self.scroll_y
        self.clear()
        self._add(rows)
        index = next((index for index, row in enumerate(rows) if row.key == selected), None)
        if index is not None:
            self.move_cursor(row=index, column=column, animate=False, scroll=False)
            self.scroll_to(y=scroll, animate=False, immediate=True)

    def _add(self, rows: Sequence[GridRow]) -> None:
        for row in rows:
            self.add_row(*row.cells, key=row.key)

    def _update_dimensions(self, new_rows: "Iterable[RowKey]") -> None:
        """Measure rows that came; `DataTable` lays each cell out for it, which takes most of the time of filling it."""
        added = [self._data[key] for key in new_rows if key in self._data]
        for column in self.ordered_columns:
            widest = max((cell_len(cells[column.key].plain) for cells in added), default=0)
            column.content_width = max(column.content_width, widest)
        super()._update_dimensions(())

    def _update_column_widths(self, updated_cells: "set[CellKey]") -> None:
        """Measure each column with updated cells once; `DataTable` does it for every cell that became narrower.

        What was drawn since they were updated is drawn anew: `DataTable` keeps that, at the old width.
        """
        for key in {updated.column_key for updated in updated_cells} & self.columns.keys():
            column = self.columns[key]
            cells = (column.label, *self.get_column(key))
            column.content_width = max(cell_len(cell.plain) for cell in cells)
        self._require_update_dimensions = True
        self._clear_caches()
        self.refresh()

    def _update(self, rows: Sequence[GridRow]) -> None:
        for index, (old, new) in enumerate(zip(self._shown, rows, strict=True)):
            if old is new:
                continue
            for column, (was, now) in enumerate(zip(old.cells, new.cells, strict=True)):
                if was != now or was.style != now.style:
                    self.update_cell_at((index, column), now, update_width=len(was) != len(now))  # type: ignore[arg-type]
