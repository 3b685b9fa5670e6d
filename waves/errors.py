"""Every fault that `waves` raises on purpose: one tree, each with a message, a remedy and an exit code.

The message is one line that says what is wrong, the hint one line that says what to do. Neither holds row text
or secrets. Only `surfaces/cli` turns a fault into text and a code. Outcomes of a request are values, not faults:
see `outcomes`.
"""

from __future__ import annotations

from typing import ClassVar

EXIT_CODES: dict[int, str] = {
    0: "done, or nothing to do",
    2: "wrong usage",
    65: "bad data",
    69: "database unreachable",
    70: "a bug in waves",
    74: "disk",
    75: "try again later: locked, snoozed, provider down, not converged, interrupted",
    76: "needs a person: approval, cap, held wave",
    77: "credentials",
    78: "configuration, unknown theme included",
}


class WaveError(Exception):
    """The root. `code` is the stable word for programs, `exit_code` the one for the shell."""

    code: ClassVar[str] = "bug"
    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def line(self) -> str:
        """What is wrong and what to do, in one line."""
        return f"{self.message}. {self.hint}".rstrip()


class BadDataError(WaveError):
    """Something read from disk or from a database is not what it must be."""

    code = "bad_data"
    exit_code = 65


class DatabaseError(WaveError):
    """The database cannot be reached, or went away."""

    code = "database"
    exit_code = 69


class DiskError(WaveError):
    """A file under `data/` cannot be written or read: full, read-only, no permission."""

    code = "disk"
    exit_code = 74


class TryLaterError(WaveError):
    """Nothing is wrong that time does not heal; the next cron tick goes on."""

    code = "try_later"
    exit_code = 75


class LockedError(TryLaterError):
    """Another fire of this theme runs, here or on another host."""

    code = "locked"


class NeedsPersonError(WaveError):
    """A person has to decide before this theme goes on."""

    code = "needs_person"
    exit_code = 76


class ApprovalError(NeedsPersonError):
    """A rubric version that nobody approved has used up its rows."""

    code = "awaiting_approval"


class HeldError(NeedsPersonError):
    """Too many rows of the open wave changed or vanished since prepare."""

    code = "held"


class OverBudgetError(NeedsPersonError):
    """A cap in money is used up."""

    code = "over_budget"


class CredentialsError(WaveError):
    """No key, a wrong key, or one without the right."""

    code = "credentials"
    exit_code = 77


class ConfigurationError(WaveError):
    """A file, a flag or the database's shape contradicts what the theme needs."""

    code = "configuration"
    exit_code = 78
