"""Tensors by name to a network: whose they are, what follows the last convolution, and one question for all of it."""

from __future__ import annotations

from dataclasses import replace

from refnet.architecture.top import PUBLISHED_TOP, Top
from refnet.checkpoints.cards.card import NO_CARD, Card
from refnet.checkpoints.cards.folder import CONFIGURATION
from refnet.checkpoints.cards.transformers_card import PUBLISHER as HUGGING_FACE
from refnet.checkpoints.checkpoint_file import Fingerprint
from refnet.checkpoints.heads.adapt import adapt
from refnet.checkpoints.identity import Identity, identify
from refnet.checkpoints.names_and_shapes import publishers_by_names
from refnet.checkpoints.other_networks import looks_like
from refnet.checkpoints.publishers import PUBLISHERS
from refnet.checkpoints.state_dict import StateDict
from refnet.checkpoints.stated import Stated, option
from refnet.errors import CheckpointError
from refnet.weights.releases import Release, publisher_without_set
from refnet.weights.releases.release import RecipeEntry


def recognise(
    file: Fingerprint, state: StateDict, stated: Stated, release: Release | None = None, card: Card = NO_CARD
) -> tuple[Identity, StateDict]:
    """Find out what network these tensors are; the head comes back in the publisher's names."""
    _check_against(stated, card)
    by_names = publishers_by_names(state.tensors)
    if card.hint in by_names:
        card = replace(card, publisher=card.hint)
        _check_against(stated, card)
    said = _with_card(stated, card)
    publishers = (stated.publisher, card.publisher)
    base = next((publisher_without_set(publisher) for publisher in publishers if publisher), None)
    bases = (base,) if base else by_names
    if bases == (HUGGING_FACE,) and card.architecture is None:
        raise CheckpointError(
            f"the names are those of transformers: {CONFIGURATION} is missing beside it; copy it there"
        )

    def identity_of(state: StateDict, top: Top = PUBLISHED_TOP) -> Identity:
        if card.architecture is not None and base == card.publisher:
            return _of_card(file, state, top, card)
        return identify(
            file, state, publisher=said.publisher, model=said.model, release=release, top=top, pictures=card.pictures
        )

    if not bases:
        return identity_of(state), state
    publisher = PUBLISHERS[bases[0]]
    try:
        adapted, top = adapt(state, publisher, said)
    except CheckpointError as question:
        try:
            identity_of(*adapt(replace(state, beside={}), publisher, Stated(head="none")))
        except CheckpointError as other:
            if what := looks_like({name: tensor.shape for name, tensor in state.tensors.items()}):
                raise CheckpointError(what) from None
            raise _both(question, other) from None
        raise
    identity = identity_of(adapted, top)
    if card.channels not in (None, identity.architecture.channels):
        raise CheckpointError(
            f"{card.source} says that pictures have {card.channels} channels, the stem takes "
            f"{identity.architecture.channels}"
        )
    return identity, adapted


def _check_against(stated: Stated, card: Card) -> None:
    """Refuse what is stated where a configuration says otherwise."""
    base = publisher_without_set(stated.publisher) if stated.publisher else None
    for name, word, fact in (
        ("publisher", base, card.publisher),
        ("pooling", stated.pooling, card.pooling),
        ("output", stated.output, card.output),
    ):
        if word is not None and fact is not None and word != fact:
            raise CheckpointError(
                f"you state {option(name, word)}, but {card.source} says that it is {fact}; convert without that option"
            )


def _with_card(stated: Stated, card: Card) -> Stated:
    """What is stated, and what a configuration says besides; the caller's word is compared with the result later."""
    output = None if stated.head == "none" else stated.output or card.output
    return replace(
        stated,
        publisher=card.publisher if stated.publisher is None and card.architecture is None else stated.publisher,
        model=card.model if stated.model is None else stated.model,
        pooling=card.pooling if stated.pooling is None else stated.pooling,
        output=output,
    )


def _of_card(file: Fingerprint, state: StateDict, top: Top, card: Card) -> Identity:
    """A network that its configuration describes whole."""
    assert card.architecture is not None
    assert card.publisher is not None
    classes = len(state.tensors.get("classifier.bias", ()))
    architecture = replace(card.architecture, classes=classes, top=top)
    size = card.pictures.size or architecture.resolution
    pictures = RecipeEntry("none", 0.0, "pil-nearest", "keras-imagenet")  # the card says all of it
    release = Release(architecture.name, card.publisher, file.name, "", size, classes, pictures)
    return Identity(card.publisher, architecture, release, f"its {card.source}", is_release=False)


def _both(question: CheckpointError, other: CheckpointError) -> CheckpointError:
    """The first of two questions, with commands that answer both; what has no answer goes before."""
    if not other.options:
        return other
    if not question.options:
        return question
    options = [f"{option} {other.options[0]}" for option in question.options]
    return CheckpointError(str(question), details=question.details, options=options)
