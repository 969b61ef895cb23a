"""What the six screens have in common: their frame, their clock, their findings, the facts that actions depend on."""

import time
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar, cast

from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from stack.findings import Finding, Fix, Severity
from tui.actions import Fact, Place, find
from tui.requests import Asking, Request
from tui.vitals import Tone
from tui.widgets.banner import Banner
from tui.widgets.confirm import Confirm, Question
from tui.widgets.explanation import Explanation
from tui.widgets.job_pane import JobPane
from tui.widgets.keys import Keys
from tui.widgets.masthead import Masthead
from tui.widgets.size_notice import SizeNotice

if TYPE_CHECKING:
    from textual.timer import Timer

    from stack.workspace import Workspace
    from tui.app import Deck
    from tui.jobs import Job

T = TypeVar("T")

_GRAVITY: Final = tuple(Severity)

BEAT: Final = 0.25
"""Seconds between two looks at what is awaited, to say when an answer is slow."""

LEAST_PAUSE: Final = 1.0
"""Seconds between two looks, however much moves."""


class DeckScreen(Asking, Screen[None]):
    """One of the screens: head, banner, its own body, the running job, the keys.

    A screen asks for what it shows when it comes to the front, when a project is opened, when a job has changed
    something, and when `look_soon` says that something else has; while it is in front also every `every` seconds.
    """

    place: ClassVar[Place]
    words: ClassVar[str]
    """What the screen shows, for someone who sees it for the first time."""
    every: ClassVar[float] = 30.0
    """Seconds between two looks while the screen is in front; few, for what nothing tells of."""
    progress_lines: ClassVar[int] = 2

    def __init__(self) -> None:
        """Prepare the screen; it is mounted when it is first gone to."""
        super().__init__()
        self.masthead = Masthead(self.place)
        self.banner = Banner()
        self.job_pane = JobPane(self.progress_lines)
        self.keys = Keys(self.place)
        self._requests: list[Request[object]] = []
        self._findings: dict[str, tuple[Finding, ...]] = {}
        self._looked = 0.0
        self._moved = False
        self._clock: Timer | None = None

    @property
    def deck(self) -> "Deck":
        """The app, which is the only one that has these screens."""
        return cast("Deck", self.app)

    def compose(self) -> ComposeResult:
        """Lay out the frame around the screen's own body."""
        yield self.masthead
        yield SizeNotice()
        yield self.banner
        with Container(id="body"):
            yield from self.compose_body()
        yield from self.compose_foot()
        yield self.keys

    def compose_foot(self) -> ComposeResult:
        """Lay out what stands between the body and the keys: the long action that is under way."""
        yield self.job_pane

    @abstractmethod
    def compose_body(self) -> ComposeResult:
        """Lay out what this screen shows."""

    @abstractmethod
    def load(self, workspace: "Workspace") -> None:
        """Ask for everything that this screen shows."""

    def facts(self) -> Fact:
        """State what is so on this screen, beyond what is so everywhere."""
        return Fact.NONE

    def colour(self, tone: Tone) -> str:
        """Return the colour of `tone` in the theme in use, for a grid's cell, which knows no theme."""
        return self.app.theme_variables[tone.value.removeprefix("$")]

    # -- Asking

    def request(self, name: str, receive: Callable[[T], None]) -> Request[T]:
        """Make a request whose failures are this screen's findings, until it is answered."""

        def answered(value: T) -> None:
            self.note(name, ())
            receive(value)
            self.refresh_facts()

        request = Request[T](self, name, receive=answered, refuse=lambda findings: self.note(name, findings))
        self._requests.append(cast("Request[object]", request))
        return request

    def look(self) -> None:
        """Ask for everything again, if a project is open."""
        if self.deck.workspace is not None:
            self._looked = time.monotonic()
            self._moved = False
            self.load(self.deck.workspace)

    def look_soon(self) -> None:
        """Ask again at the next beat, because something has moved; however often it does, once for all of it."""
        self._moved = True

    def on_mount(self) -> None:
        """Follow the deck, and start the clock."""
        self.watch(self.app, "workspace", self._workspace_changed)
        self.watch(self.app, "opening_findings", lambda findings: self.note("open", findings))
        self.watch(self.app, "job", self._job_changed)
        self._clock = self.set_interval(BEAT, self._beat)

    def forget(self) -> None:
        """Wait no longer for answers that have not come, and forget what a job left in the banner."""
        for request in self._requests:
            request.cancel()
        self.note("job", ())

    def on_screen_resume(self) -> None:
        """Ask again on coming to the front."""
        if self._clock is not None:
            self._clock.resume()
        self.look()

    def on_screen_suspend(self) -> None:
        """Ask nothing while another screen is in front; a modal over this one is none."""
        if self._clock is not None and not self.is_front:
            self._clock.pause()

    def _workspace_changed(self, workspace: "Workspace | None") -> None:
        for request in self._requests:
            request.cancel()
        if workspace is not None and self.is_front:
            self.look()
        self.refresh_facts()

    def _job_changed(self, job: "Job | None") -> None:
        if job is not None and not job.running and self.is_front:
            self.look()
        self.refresh_facts()

    @property
    def is_front(self) -> bool:
        """Whether this is the screen that is seen, perhaps under a modal."""
        return self.app.is_running and self.app.screen_stack[0] is self

    def _beat(self) -> None:
        now = time.monotonic()
        self.keys.show_waiting(max((request.seconds(now) for request in self._requests), default=0.0))
        pause = now - self._looked
        if pause >= self.every or (self._moved and pause >= LEAST_PAUSE and not self._awaits):
            self.look()

    @property
    def _awaits(self) -> bool:
        return any(request.pending for request in self._requests)

    # -- Findings

    def note(self, source: str, findings: tuple[Finding, ...]) -> None:
        """Show `findings` in the banner in place of the earlier ones from `source`, the worst of all first."""
        self._findings[source] = findings
        unique = {(finding.code, finding.title): finding for found in self._findings.values() for finding in found}
        self.banner.findings = tuple(sorted(unique.values(), key=lambda finding: _GRAVITY.index(finding.severity)))
        self.refresh_facts()

    def carry_out(self, fix: Fix) -> None:
        """Do `fix` as a job, after asking where it destroys something; then open the project anew."""
        # Asking stands on what plans are made of, which the first frame shall not wait for.
        from tui.mending import mend

        mend(self.deck, fix)

    def confirm(self, question: Question, consented: Callable[[], None]) -> None:
        """Ask `question`, and call `consented` if the answer is yes."""

        def answered(answer: bool | None) -> None:
            if answer:
                consented()

        self.app.push_screen(Confirm(question), answered)

    def fix(self) -> None:
        """Carry out the first fix of the finding in the banner."""
        fix = self.banner.findings[0].automatic_fix if self.banner.findings else None
        if fix:
            self.carry_out(fix)

    def explain(self) -> None:
        """Show all that is known about the banner's findings."""
        self.explain_all(self.banner.findings)

    def explain_all(self, findings: tuple[Finding, ...]) -> None:
        """Show all that is known about `findings`, and carry out the fix that a person picks."""

        def picked(fix: Fix | None) -> None:
            if fix:
                self.carry_out(fix)

        if findings:
            self.app.push_screen(Explanation(findings), picked)

    # -- Actions

    def all_facts(self) -> Fact:
        """State what is so now, everywhere and on this screen."""
        deck, facts = self.deck, self.facts()
        facts |= Fact.BUSY if deck.busy else Fact.IDLE
        if deck.workspace is not None:
            facts |= Fact.OPEN
            facts |= Fact.MANAGED if deck.vitals.managed else Fact.NONE
        if self.banner.findings:
            facts |= Fact.FOUND
            facts |= Fact.FIXABLE if self.banner.findings[0].automatic_fix else Fact.NONE
        return facts

    def refresh_facts(self) -> None:
        """Show the keys that are of use now."""
        if self.is_mounted:
            self.keys.show(self.all_facts())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let an action of the registry through while what it needs is so."""
        known = find(self.place, action)
        return known.is_available(self.all_facts()) if known else super().check_action(action, parameters)
