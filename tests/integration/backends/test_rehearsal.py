"""The stand-in provider as a process, reached through the workers as in a fire."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from urllib.error import URLError

import psutil
import pytest

from waves.backends.rehearsal.stand_in import rehearse
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric, newest
from waves.errors import ConfigurationError
from waves.executors.events import Emitted, Finished
from waves.executors.processes import Processes
from waves.outcomes import Answer, Answered, Ask, Retryable
from waves.worker import Classifier, preload

CONFIG = BackendConfig("rehearsal", "rehearsal", ("rehearsal",))


@pytest.fixture
def rubric() -> Rubric:
    return newest(Path(__file__).parents[3] / "prompts" / "comment_classifier")


def _ask(number: int) -> Ask:
    items = tuple((str(n), {"content": f'Why is figure {number} not in colour? „{n}" @here'}) for n in (1, 2, 3))
    return Ask(f"call-{number}", "rehearsal", items)


def test_requests_go_through_workers_to_the_provider_and_come_back_labelled(rubric: Rubric) -> None:
    with ExitStack() as stack:
        config = stack.enter_context(rehearse(CONFIG))
        processes = Processes(Classifier(config, rubric), workers=2, preload=preload(config), guard=None)
        stack.callback(processes.close, kill=True)
        for number in range(20):
            processes.submit(str(number), _ask(number))
        answers: set[str] = set()
        labelled = 0
        ended = 0
        while ended < 20:
            for event in processes.events(30):
                if isinstance(event, Emitted):
                    assert isinstance(event.value, Answer)
                    answers.add(event.key)
                    continue
                assert isinstance(event, Finished), event
                assert isinstance(event.value, Answered), event
                assert event.key in answers
                labelled += len(event.value.labelled)
                ended += 1
        assert labelled == 60


def test_the_scenario_is_passed_on(rubric: Rubric) -> None:
    scenario = BackendConfig("rehearsal", "rehearsal", ("rehearsal",), scenario="outage")
    with ExitStack() as stack:
        config = stack.enter_context(rehearse(scenario))
        processes = Processes(Classifier(config, rubric), workers=1, preload=preload(config), guard=None)
        stack.callback(processes.close, kill=True)
        processes.submit("a", _ask(1))
        (event,) = processes.events(30)
    assert isinstance(event, Finished)
    assert isinstance(event.value, Retryable)


def test_the_provider_ends_with_the_rehearsal() -> None:
    with rehearse(CONFIG) as config:
        url = f"{config.base_url}/v1/models"
        assert (config.kind, bool(config.api_key)) == ("anthropic", True)
        request = urllib.request.Request(url, headers={"authorization": "Bearer x", "x-api-key": "x"})
        assert urllib.request.urlopen(request, timeout=10).status == 200
    with pytest.raises(URLError):
        urllib.request.urlopen(request, timeout=10)


def test_a_backend_with_a_provider_of_its_own_is_left_alone() -> None:
    real = BackendConfig("local", "anthropic", ("qwen3",), base_url="http://127.0.0.1:1", api_key="key")
    with rehearse(real) as config:
        assert config == real


def test_a_scenario_that_it_does_not_know_is_a_fault_of_the_configuration() -> None:
    scenario = BackendConfig("rehearsal", "rehearsal", ("rehearsal",), scenario="no such scenario")
    with pytest.raises(ConfigurationError, match="no such scenario") as caught, rehearse(scenario):
        pass
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


def test_the_provider_dies_with_a_killed_runner() -> None:
    script = """
import sys
from waves.backends.rehearsal.stand_in import rehearse
from waves.config.project import BackendConfig
with rehearse(BackendConfig("rehearsal", "rehearsal", ("rehearsal",))) as config:
    print('"ready"', flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as runner:
        assert runner.stdout is not None
        assert json.loads(runner.stdout.readline()) == "ready"
        (provider,) = psutil.Process(runner.pid).children()
        runner.send_signal(signal.SIGKILL)
        runner.wait(10)
        assert _ends(provider)


def _ends(process: psutil.Process) -> bool:
    """Within 10 s; whoever adopted it may take its time to reap it."""
    try:
        for _ in range(1000):
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            psutil.wait_procs([process], timeout=0.01)
    except psutil.NoSuchProcess:
        return True
    return False
