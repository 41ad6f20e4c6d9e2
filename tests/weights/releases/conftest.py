from helpers import any_torchvision  # noqa: F401
