"""The versions of Compose that hash a service differently, by what they write."""

import re
from enum import Enum
from typing import Final

_VERSION: Final = re.compile(r"v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})")


class Dialect(Enum):
    """How a range of Compose versions hashes; the value is the first version of the range, and the last has no end.

    Compose before 2.24 is left out: it put defaults into the hash that nothing here keeps.
    """

    V2_24 = (2, 24, 0)
    V2_29_3 = (2, 29, 3)
    V2_30_3 = (2, 30, 3)
    V2_34 = (2, 34, 0)
    V2_35 = (2, 35, 0)
    V2_36 = (2, 36, 0)
    V5 = (5, 0, 0)

    @property
    def version(self) -> str:
        """The version that a resource made in this dialect is labelled with."""
        return ".".join(map(str, self.value))

    @property
    def hashes_profiles(self) -> bool:
        """Whether a service's profiles are part of its hash."""
        return self.value < (2, 30, 3)

    @property
    def hashes_dependencies(self) -> bool:
        """Whether a service's ``depends_on`` is part of its hash."""
        return self.value < (2, 29, 3)

    @property
    def hashes_networks(self) -> bool:
        """Whether networks are labelled with a hash: since 2.31, and one without is left alone by all."""
        return self.value >= (2, 34, 0)

    @property
    def reads_env_files_with_environment(self) -> bool:
        """Whether variables in an ``env_file`` see the service's own ``environment``."""
        return self.value >= (2, 35, 0)

    @property
    def writes_octal_modes(self) -> bool:
        """Whether a secret's mode is a text with octal digits, and not a number."""
        return self.value >= (2, 34, 0)

    @property
    def sorts_attachments(self) -> bool:
        """Whether the keys of a service's network are in alphabetical order."""
        return self.value >= (2, 36, 0)

    @property
    def creates_host_paths_by_default(self) -> bool:
        """Whether ``create_host_path`` is left out where it is true, and not where it is false."""
        return self.value >= (5, 0, 0)


NEWEST: Final = tuple(Dialect)[-1]


def dialect_of(version: str) -> Dialect | None:
    """Return the dialect of a Compose `version` as it stands in a label; None where it is too old, or no version."""
    numbers = _VERSION.match(version)
    if numbers is None:
        return None
    wanted = (int(numbers[1]), int(numbers[2]), int(numbers[3]))
    return next((dialect for dialect in reversed(Dialect) if dialect.value <= wanted), None)
