"""Another value for a variable: typed, judged at every key, and shown as the change of the file that it would be."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from stack.background import in_thread
from stack.crash import keep_out
from stack.findings import Finding
from tui.outside import block, line
from tui.requests import Asking, Request
from tui.widgets.edit_preview import preview
from tui.widgets.modal import Modal

if TYPE_CHECKING:
    from stack.environment.edit import Edit
    from stack.project import Project


@dataclass(frozen=True, slots=True)
class Editing:
    """A variable that is to have another value than `value`, which is empty for a secret: nobody types into one.

    `type` and `meaning` are in a person's words; `caution` is what else to know before it is written.
    """

    name: str
    value: str
    secret: bool
    is_port: bool
    type: str
    meaning: str
    caution: str | None


class VariableEditor(Asking, Modal["Edit"]):
    """Asks for a value; the answer is the planned edit, which nobody has written yet."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+g", "generate", "Generate"),
        Binding("ctrl+n", "next_port", "Next free port"),
        Binding("ctrl+t", "unmask", "Show or hide"),
    ]

    def __init__(self, project: "Project", editing: Editing) -> None:
        """Edit a variable of `project`."""
        super().__init__()
        self._project = project
        self._editing = editing
        self._edit: Edit | None = None
        self._submitted = False
        self._plan = Request["Edit"](self, "plan", receive=self._planned, refuse=self._refused)
        self._port = Request[int | None](self, "port", receive=self._found_port, refuse=self._refused)
        self._input = Input(editing.value, password=editing.secret, id="value")
        self._outcome = Static(id="outcome")

    def compose(self) -> ComposeResult:
        """Lay out what is asked, the value, what would be written, and the keys."""
        editing = self._editing
        with Vertical(id="box"):
            yield Static(Content.assemble(line(editing.name, "bold"), "  ", line(editing.type, "$muted")), id="title")
            if editing.meaning:
                yield Static(block(editing.meaning, "$muted"))
            yield self._input
            yield self._outcome
            if editing.caution:
                yield Static(block(f"! {editing.caution}", "$warning"), id="caution")
            yield Static(self._keys(), id="keys")

    def on_mount(self) -> None:
        """Begin with the value selected."""
        self._input.focus()
        self._show(Content.styled("Nothing changes yet.", "$muted"))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        """Plan what the value would change; nothing is written."""
        self._edit = None
        if not event.value and self._editing.secret:
            self._plan.cancel()
            self._show(Content.styled("Nothing changes yet.", "$muted"))
            return
        if self._editing.secret:
            keep_out({event.value})
        self._plan.ask(partial(in_thread, partial(_plan, self._project, self._editing.name, event.value)))

    def _planned(self, edit: "Edit") -> None:
        self._edit = edit
        self._input.remove_class("-wrong")
        self._show(preview(edit.changes) if edit.changes else Content.styled("Nothing changes.", "$muted"))
        if self._submitted:
            self.close(edit if edit.changes else None)

    def _refused(self, findings: tuple[Finding, ...]) -> None:
        self._submitted = False
        self._input.add_class("-wrong")
        finding = findings[0]
        self._show(Content.assemble(("✗ ", "bold $error"), line(finding.title, "bold"), "\n", block(finding.cause)))

    def _show(self, content: Content) -> None:
        self._outcome.update(content)

    @on(Input.Submitted)
    def _submit(self) -> None:
        """Answer with what is planned, as soon as it is."""
        if self._plan.pending:
            self._submitted = True
        elif self._edit is not None:
            self.close(self._edit if self._edit.changes else None)
        elif not self._input.has_class("-wrong"):
            self.close(None)

    # -- Actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let through what means something for this variable."""
        needs = {"generate": self._editing.secret, "unmask": self._editing.secret, "next_port": self._editing.is_port}
        return needs.get(action, super().check_action(action, parameters))

    def action_generate(self) -> None:
        """Put a new password into the field."""
        from stack.environment.template import generate_password

        self._input.value = generate_password()

    def action_unmask(self) -> None:
        """Show what is typed, or hide it again."""
        self._input.password = not self._input.password

    def action_next_port(self) -> None:
        """Put the next port that is free into the field."""
        typed = self._input.value
        start = int(typed) if typed.isdecimal() and int(typed) < 65535 else 1023
        self._port.ask(partial(in_thread, partial(_next_port, start)))

    def _found_port(self, port: int | None) -> None:
        if port is not None:
            self._input.value = str(port)

    def _keys(self) -> Content:
        keys = [("⏎", "Write it")]
        if self._editing.secret:
            keys += [("Ctrl+G", "Generate"), ("Ctrl+T", "Show or hide")]
        if self._editing.is_port:
            keys.append(("Ctrl+N", "Next free port"))
        keys.append(("Esc", "Leave it"))
        return Content("   ").join([Content.assemble((key, "bold $accent"), f" {title}") for key, title in keys])


def _plan(project: "Project", name: str, value: str) -> "Edit":
    from stack.environment.edit import plan_value

    return plan_value(project, name, value)


def _next_port(port: int) -> int | None:
    from stack.environment.template import next_free_port

    return next_free_port(port)
