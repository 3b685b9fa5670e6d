"""The backend `claude_cli`: a subscription, or a key, through the command line tool `claude -p`. One process for each
request: the prompt on its stdin, the answer in the lines that it prints.

The process gets nothing from our environment: it has a closed one, an empty home and an empty working directory.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from datetime import UTC, datetime

from waves.backends.answers.envelope import TOO_LONG
from waves.backends.answers.interpret import interpret
from waves.backends.api_key import unusable
from waves.backends.claude_cli.answer import answer_of
from waves.backends.claude_cli.command import API_KEY, Executable, arguments, environment, key_variable
from waves.backends.claude_cli.failures import CliFailure, outcome_of
from waves.backends.claude_cli.process import ProcessEnd, Workspace, run
from waves.backends.claude_cli.transcript import Transcript
from waves.backends.prompt import ESCAPED_AT, document, max_tokens, stricter
from waves.config.project import BackendConfig
from waves.config.rubric import Rubric
from waves.outcomes import Answer, Ask, Discarded, Fatal, Outcome, Retryable

MOST_INPUT = 9_500_000
"""Bytes; the CLI takes ten million from its stdin, and truncates or refuses a longer input."""


def open_backend(config: BackendConfig, rubric: Rubric) -> ClaudeCliBackend:
    """Starts nothing. Without a usable credential every `ask` is Fatal."""
    return ClaudeCliBackend(config, rubric)


class ClaudeCliBackend:
    """See `waves.backends.Backend`. Opened and used inside one event loop."""

    def __init__(self, config: BackendConfig, rubric: Rubric) -> None:
        self._config = config
        self._rubric = rubric
        self._fault = unusable(config)
        self._executable = Executable(config)
        self._space: Workspace | None = None

    async def ask(self, ask: Ask, received: Callable[[Answer], None]) -> Outcome:
        if self._fault is not None:
            return self._fault
        prompt = _prompt(ask)
        if len(prompt) > MOST_INPUT:
            return Discarded("invalid", f"the items take more than the {MOST_INPUT:,} bytes that the CLI reads")
        try:
            return await self._ask(ask, prompt, received)
        except OSError as error:
            if error.errno == errno.E2BIG:
                message = f"backend {self._config.name}: the schema of the answer is longer than a command line may be"
                return Fatal("configuration", message, "shorten the rubric's schema, or use another backend")
            return Retryable("outage", f"the CLI cannot be started ({type(error).__name__})")

    async def close(self) -> None:
        if self._space is not None:
            self._space.close()

    async def _ask(self, ask: Ask, prompt: bytes, received: Callable[[Answer], None]) -> Outcome:
        space = self._space = self._space or Workspace(self._rubric.system)
        command = await self._executable.flags(space)
        if isinstance(command, Fatal):
            return command
        transcript = Transcript(overage=self._config.overage)
        try:
            async with asyncio.timeout(self._config.timeout):
                end = await run(
                    [*command, *arguments(self._rubric, ask.model, space.system)],
                    environment(self._config, space, max_tokens(self._rubric, ask, self._config.max_tokens)),
                    space,
                    prompt,
                    lambda line: self._feed(transcript, line),
                )
        except TimeoutError:
            return Retryable("timeout", f"no answer within {self._config.timeout:g} s", maybe_paid=True)
        return await self._conclude(ask, transcript, end, received)

    def _feed(self, transcript: Transcript, line: bytes) -> bool:
        """True if the rest of the run would only cost."""
        transcript.feed(line)
        return transcript.stopped_early is not None or self._uses_foreign_key(transcript)

    def _uses_foreign_key(self, transcript: Transcript) -> bool:
        """The CLI found a key elsewhere, and would bill that one: a helper in the machine's managed settings."""
        return key_variable(self._config) != API_KEY and transcript.key_source not in {None, "none"}

    async def _conclude(
        self, ask: Ask, transcript: Transcript, end: ProcessEnd, received: Callable[[Answer], None]
    ) -> Outcome:
        if transcript.paid:
            raw = answer_of(transcript, end.exit_code)
            received(Answer(ask.call_id, 200, raw, transcript.usage(), transcript.meters))
            await asyncio.sleep(0)  # the answer leaves this process before it is interpreted
            return interpret(raw, self._rubric, [short_id for short_id, _ in ask.items], ask.strict)
        if self._uses_foreign_key(transcript):
            return Fatal(
                "credentials",
                f"backend {self._config.name}: the CLI uses a key that is not ours",
                "remove the apiKeyHelper from the managed settings of this machine, or set api_key_env",
            )
        if end.too_long:
            return Retryable("outage", TOO_LONG, maybe_paid=True)
        message = f"{transcript.message}\n{end.stderr}".strip()
        failure = CliFailure(message, transcript.status, transcript.error, transcript.meters, transcript.began)
        return outcome_of(failure, self._config, datetime.now(UTC))


def _prompt(ask: Ask) -> bytes:
    """The items with `@` escaped: where the CLI sees one, it reads the file that the text after it names."""
    text = document(ask).replace("@", ESCAPED_AT)
    return (f"{text}\n\n{stricter(ask)}" if ask.strict else text).encode()
