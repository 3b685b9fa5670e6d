"""Which model of the backend's chain is asked: the first, until it does not answer and another one does. And which of
them may give up an item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from waves.config.project import BackendConfig
from waves.steps.requests.in_flight import PendingRequest
from waves.steps.requests.policy import Try, further_models
from waves.steps.session.session import Session


class ModelChoice:
    """`current` is the model of new requests: the first, or the one that answered an earlier fire. A probe begins with
    the first model again, so the choice can go back."""

    def __init__(self, session: Session, backend: BackendConfig, current: str | None = None) -> None:
        self._session = session
        self._backend = backend
        self.current = current if current in backend.models else backend.models[0]
        self._answered = {backend.models[0]}

    @property
    def chain(self) -> tuple[str, ...]:
        return self._backend.models

    def after(self, model: str) -> str | None:
        return next(iter(further_models(model, self.chain)), None)

    def before(self, model: str) -> Sequence[str]:
        """The models that are asked before this one."""
        return self.chain[: self.chain.index(model)]

    def answered(self, model: str) -> None:
        """It gave an answer of use, to a row or to the example."""
        self._answered.add(model)

    def trusted(self, model: str) -> bool:
        """Whether its word against an item counts: not that of a model in whose place another one is asked by now, nor
        that of a further model that has answered nothing so far."""
        return model in self._answered and model not in self.before(self.current)

    def redirect(self, pending: PendingRequest) -> PendingRequest:
        """The request as it is to be sent: to the current model, unless it is further down the chain already."""
        this = pending.next_try
        if pending.probe or self.current not in further_models(this.model, self.chain):
            return pending
        return replace(pending, next_try=replace(this, model=self.current))

    def use(self, model: str, reason: str) -> None:
        """From now on, ask this one. People are told: it may cost more."""
        if model == self.current:
            return
        before, self.current = self.current, model
        self._session.log.write("model", backend=self._backend.name, before=before, now=model, reason=reason)
        name = self._backend.name
        why = reason.removeprefix(f"backend {name}: ")
        self._session.watcher.warned(f"backend {name}: {model} is asked in place of {before}: {why}")

    def moved_on(self, pending: PendingRequest, model: str, reason: str) -> PendingRequest:
        """The same request to this model, which is used from now on."""
        if not pending.probe:
            self.use(model, reason)
        return replace(pending, next_try=replace(pending.next_try, model=model, waits=0))

    def next_probe(self, this: Try) -> Try | None:
        """The probe of the next model."""
        model = self.after(this.model)
        return None if model is None else Try(this.short_ids, model, backed_off=True)
