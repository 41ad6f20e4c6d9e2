"""A file that somebody published: what is in it, and what a fetch of it leaves and says."""

import hashlib
import logging

DATA = bytes(range(256)) * 200
SHA256, MD5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest()
NAMES = ["b1@timm-tf+aa.certificate.json", "b1@timm-tf+aa.h5"]


def content(folder):
    return sorted(path.name for path in folder.iterdir())


def said(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def convert(original, release, out):
    """In the place of the conversion: the weight file is the original."""
    out.write_bytes(original.read_bytes())
    out.with_name(f"{out.stem}.certificate.json").write_text(original.name)
