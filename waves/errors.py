"""The faults that `waves` raises on purpose: one tree; each has a message, a hint and an exit code.

The message is one line that says what is wrong, the hint is one line that says what to do. Neither contains row text
or secrets. Only `surfaces/cli` turns a fault into text and an exit code. Outcomes of a request are values, not faults:
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
    76: "needs a person: approval, cap, held wave or rows",
    77: "credentials",
    78: "configuration, unknown theme included",
}


class WaveError(Exception):
    """The root of the tree. `code` is a stable word for programs, `exit_code` is for the shell."""

    code: ClassVar[str] = "bug"
    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def line(self) -> str:
        """The message and the hint in one line."""
        return f"{self.message}. {self.hint}".rstrip()


class BadDataError(WaveError):
    """Data read from disk or from the database is not valid."""

    code = "bad_data"
    exit_code = 65


class DatabaseError(WaveError):
    """The database cannot be reached, or the connection was lost."""

    code = "database"
    exit_code = 69


class DiskError(WaveError):
    """A file under `data/` cannot be written or read: the disk is full or read-only, or permission is missing."""

    code = "disk"
    exit_code = 74


class TryLaterError(WaveError):
    """A condition that passes by itself; the next cron tick goes on."""

    code = "try_later"
    exit_code = 75


class LockedError(TryLaterError):
    """Another fire of this theme is running, on this host or on another."""

    code = "locked"


class NeedsPersonError(WaveError):
    """A person must decide before this theme goes on."""

    code = "needs_person"
    exit_code = 76


class ApprovalError(NeedsPersonError):
    """A rubric version without an approval has used up the rows that it may judge."""

    code = "awaiting_approval"


class HeldError(NeedsPersonError):
    """Too many rows of the open wave changed or vanished since prepare."""

    code = "held"


class OverBudgetError(NeedsPersonError):
    """A cap in money is used up."""

    code = "over_budget"


class CredentialsError(WaveError):
    """The key is missing, wrong, or has no permission."""

    code = "credentials"
    exit_code = 77


class ConfigurationError(WaveError):
    """A file, a flag or the shape of the database does not fit what the theme needs."""

    code = "configuration"
    exit_code = 78
