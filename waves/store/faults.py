"""psycopg's exceptions → `waves.errors`, in one table: by SQLSTATE, then its class, then the exception's class.

A message never repeats what the server reports about a value (SQLSTATE classes 22, 23, P0 …): it may hold row text.
What the server reports about names, rights and its own condition is shown, one line of it. Passwords never appear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict

from waves.errors import BadDataError, ConfigurationError, CredentialsError, DatabaseError, TryLaterError, WaveError

_AGAIN = "the next fire tries again"
_SCHEMA = "check the names in theme.yaml against the database, and that the migrations are applied: wave doctor"
_SERVER = "look at the server's log; then fire again: nothing is lost"
_BUG = "please report it with the log of this fire"

# A key is a SQLSTATE, the two characters of its class, or an exception class of psycopg.
TABLE: Mapping[str | type[psycopg.Error], tuple[type[WaveError], str]] = {
    "72": (TryLaterError, _AGAIN),  # snapshot too old
    "40": (TryLaterError, _AGAIN),  # serialization failure, deadlock
    "55P03": (TryLaterError, _AGAIN),  # lock not available
    "57014": (TryLaterError, _AGAIN),  # cancelled: statement_timeout or a person
    "25P03": (TryLaterError, _AGAIN),  # idle in transaction for too long
    "25P04": (TryLaterError, _AGAIN),  # transaction_timeout
    "25006": (ConfigurationError, "connect to the primary: this server or session is read-only"),
    "08": (DatabaseError, _SERVER),
    "53": (DatabaseError, "the server is out of disk, memory or connections: free some, then fire again"),
    "57": (DatabaseError, _SERVER),
    "58": (DatabaseError, _SERVER),
    "XX": (DatabaseError, _SERVER),
    "28": (CredentialsError, "check the user and password of `database`"),
    "3D": (ConfigurationError, "create the database, or correct `database`"),
    "3F": (ConfigurationError, _SCHEMA),
    "42501": (ConfigurationError, "GRANT the right to the user of `database`"),
    "42": (ConfigurationError, _SCHEMA),
    "21": (ConfigurationError, _SCHEMA),
    "44": (BadDataError, "a value breaks the CHECK OPTION of a view"),
    "22": (BadDataError, "a value does not fit its column; compare the table's types with the rubric's fields"),
    "23": (BadDataError, "a value breaks a constraint of the table; compare them with the rubric's fields"),
    "P0": (BadDataError, "a trigger or function of the database refused it"),
    psycopg.DataError: (BadDataError, "a value does not fit its column"),
    psycopg.IntegrityError: (BadDataError, "a value breaks a constraint of the table"),
    psycopg.OperationalError: (DatabaseError, _SERVER),
    psycopg.InterfaceError: (DatabaseError, _SERVER),
    psycopg.InternalError: (DatabaseError, _SERVER),
    psycopg.NotSupportedError: (ConfigurationError, "look for a rule or a view that the statement does not work on"),
    psycopg.ProgrammingError: (WaveError, _BUG),
    psycopg.DatabaseError: (WaveError, _BUG),
    psycopg.Error: (WaveError, _BUG),
}
_PASSWORD = re.compile(r"postgres(?:ql)?://[^:/?#@]*:(.*)@", re.DOTALL)
_AMBIGUOUS = re.compile(r"[@/:?#\[\]]")
RAISED_BY_OTHERS = ("exec_stmt_raise", "ExecWithCheckOptions")
"""Functions of the server that raise errors for others: RAISE of a trigger or function, row-level security policies."""
_SAFE_TO_SHOW = ("25", "28", "3D", "3F", "40", "42", "53", "55", "57", "58", "08")


@contextmanager
def mapped() -> Iterator[None]:
    """Every psycopg error that leaves the block is one of `waves.errors`."""
    try:
        yield
    except psycopg.Error as error:
        raise fault(error) from error


def error_name(error: psycopg.Error) -> str:
    """`InvalidTextRepresentation (22P02)`: without the server's message, which may hold row text."""
    return f"{type(error).__name__} ({error.sqlstate})"


def refusal_name(error: psycopg.Error) -> str:
    """As `error_name`, with the column or the constraint that refused, if the server names one."""
    named = [("column", error.diag.column_name), ("constraint", error.diag.constraint_name)]
    return ", ".join([error_name(error), *(f"{kind} {name}" for kind, name in named if name)])


def fault(error: psycopg.Error) -> WaveError:
    """`error` as one of `waves.errors`: a message without row text, a hint with the remedy."""
    state = error.sqlstate or ""
    keys: list[str | type[psycopg.Error]] = [state, state[:2]]
    keys += [kind for kind in type(error).__mro__ if issubclass(kind, psycopg.Error)]
    kind, hint = next(TABLE[key] for key in keys if key in TABLE)
    if state == "42501":
        hint = _grant(error) if _own_words(error) else "a policy, trigger or function of the database refused it"
    return kind(_message(error), hint)


def unreachable(error: psycopg.Error, url: str) -> WaveError:
    """The error of a failed connection attempt: it names the server, and no password."""
    if isinstance(error, psycopg.ProgrammingError):
        return ConfigurationError("`database` is not a PostgreSQL URL", "write postgresql://user@host:5432/name")
    if (secret := _PASSWORD.match(url)) and _AMBIGUOUS.search(secret[1]):
        # libpq takes a piece of the password for host, port or name, and would repeat it
        return ConfigurationError(
            "cannot connect to PostgreSQL, and the URL in `database` can be read in more than one way",
            "percent-encode what is special in the password: @ as %40, / as %2F, : as %3A, # as %23, ? as %3F",
        )
    reason = _first_line(str(error)).removeprefix("connection failed: ").removeprefix("connection is bad: ")
    return DatabaseError(
        f"cannot connect to PostgreSQL at {place(url)}: {reason}",
        "check that the server runs and that `database` (or WAVES_DATABASE) is right",
    )


def place(url: str) -> str:
    """`host:port/name` of a URL, for messages."""
    parts = conninfo_to_dict(url)
    host = parts.get("host") or parts.get("hostaddr") or "the local socket"
    return f"{host}:{parts.get('port') or 5432}/{parts.get('dbname') or parts.get('user') or ''}"


def _message(error: psycopg.Error) -> str:
    name, state = type(error).__name__, error.sqlstate
    where = " of ".join(part for part in (error.diag.column_name, error.diag.table_name) if part)
    if state and state.startswith(_SAFE_TO_SHOW) and _own_words(error):
        return f"PostgreSQL says: {_first_line(error.diag.message_primary or name)}"
    if state:
        return f"PostgreSQL refused a statement: {name} ({state})" + (f" at {where}" if where else "")
    return f"the connection to PostgreSQL failed: {name}"


def _own_words(error: psycopg.Error) -> bool:
    """Whether the text is the server's own. What a trigger or function raises may hold row text."""
    return error.diag.source_function not in RAISED_BY_OTHERS and not error.diag.context


def _grant(error: psycopg.Error) -> str:
    """The missing GRANT, as far as the server names it."""
    words = _first_line(error.diag.message_primary or "").split()
    name = words[-1] if words else "…"
    match words[3:4]:
        case ["schema"]:
            return f"as its owner: GRANT USAGE, CREATE ON SCHEMA {name} TO the user of `database`"
        case ["database"]:
            return f"as its owner: GRANT CREATE ON DATABASE {name} TO the user of `database`"
        case _:
            return f"as its owner: GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO the user of `database`"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:300] if text.strip() else "no reason given"
