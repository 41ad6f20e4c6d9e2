"""Every error that refnet raises on purpose: what was wrong, where, and what would be right."""


class RefnetError(Exception):
    """Base of all errors of refnet; the command line prints its text and exits with code 2."""


class UnknownModelError(RefnetError):
    """A model name that is not in the scaling table."""


class WeightsNotFoundError(RefnetError):
    """A known model whose weight file is not on this machine."""


class WeightsError(RefnetError):
    """A weight file that cannot be read, or does not say what its schema promises."""


class CheckpointError(RefnetError):
    """A published checkpoint that cannot be read or does not match its publisher's names."""


class ImageError(RefnetError):
    """A picture that cannot be read or has no meaning as a picture."""


class InputError(RefnetError):
    """An argument of the wrong kind: rank, dtype, channels, range, a step name, a size."""
