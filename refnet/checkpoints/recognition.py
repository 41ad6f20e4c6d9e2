"""Tensors by name to a network: whose they are, what follows the last convolution, and one question for all of it."""

from __future__ import annotations

from dataclasses import replace

from refnet.architecture.top import PUBLISHED_TOP, Top
from refnet.checkpoints.checkpoint_file import Fingerprint
from refnet.checkpoints.heads.adapt import adapt
from refnet.checkpoints.identity import Identity, identify
from refnet.checkpoints.names_and_shapes import publishers_by_names
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.state_dict import StateDict
from refnet.checkpoints.stated import Stated
from refnet.errors import CheckpointError
from refnet.weights.releases import Release, publisher_without_set


def recognise(
    file: Fingerprint, state: StateDict, stated: Stated, release: Release | None = None
) -> tuple[Identity, StateDict]:
    """Find out what network these tensors are; the head comes back in the publisher's names."""

    def identity_of(state: StateDict, top: Top = PUBLISHED_TOP) -> Identity:
        return identify(file, state, publisher=stated.publisher, model=stated.model, release=release, top=top)

    base = publisher_without_set(stated.publisher) if stated.publisher else None
    bases = (base,) if base else publishers_by_names(state.tensors)
    if not bases:
        return identity_of(state), state
    publisher = PUBLISHERS[bases[0]]
    try:
        adapted, top = adapt(state, publisher, stated)
    except CheckpointError as question:
        try:
            identity_of(*adapt(replace(state, beside={}), publisher, Stated(head="none")))
        except CheckpointError as other:
            raise _both(question, other) from None
        raise
    return identity_of(adapted, top), adapted


def _both(question: CheckpointError, other: CheckpointError) -> CheckpointError:
    """The first of two questions, with commands that answer both."""
    if not (question.options and other.options):
        return question
    options = [f"{option} {other.options[0]}" for option in question.options]
    return CheckpointError(str(question), details=question.details, options=options)
