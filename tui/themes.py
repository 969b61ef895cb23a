"""The deck's two themes: a night watch, and paper for bright rooms. Colours carry meaning, so they are few."""

from typing import Final

from textual.theme import Theme

NIGHT: Final = Theme(
    name="stackdeck-night",
    primary="#5fb3d9",
    secondary="#7c8fb0",
    accent="#e6b455",
    success="#7fc58a",
    warning="#e6b455",
    error="#e8737a",
    foreground="#d5dae3",
    background="#11151c",
    surface="#161b24",
    panel="#1e2531",
    dark=True,
    variables={
        "muted": "#8591a8",
        "border": "#38445a",
        "border-blurred": "#2a3444",
        "block-cursor-background": "#2d4a66",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#243040",
        "block-cursor-blurred-foreground": "#d5dae3",
        "footer-key-foreground": "#e6b455",
        "scrollbar": "#38445a",
        "scrollbar-hover": "#4a5a75",
        "scrollbar-active": "#5fb3d9",
        "scrollbar-background": "#161b24",
        "scrollbar-corner-color": "#161b24",
    },
)

PAPER: Final = Theme(
    name="stackdeck-paper",
    primary="#1f6f9a",
    secondary="#5d6b82",
    accent="#a0650c",
    success="#2f7d43",
    warning="#a0650c",
    error="#b3323c",
    foreground="#2a2f3a",
    background="#f6f4ee",
    surface="#fbfaf6",
    panel="#ebe8df",
    dark=False,
    variables={
        "muted": "#6f7480",
        "border": "#c3bdae",
        "border-blurred": "#d8d3c6",
        "block-cursor-background": "#cfe3ef",
        "block-cursor-foreground": "#10151c",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#e2e6e4",
        "block-cursor-blurred-foreground": "#2a2f3a",
        "footer-key-foreground": "#a0650c",
        "scrollbar": "#c3bdae",
        "scrollbar-hover": "#a9a292",
        "scrollbar-active": "#1f6f9a",
        "scrollbar-background": "#fbfaf6",
        "scrollbar-corner-color": "#fbfaf6",
    },
)

THEMES: Final = (NIGHT, PAPER)
