"""Every attack by its name, and what each group of them does."""

from attacks import goldens, readers

ABOUT = {
    "readers": "damaged checkpoints of every format and weight files: refused, or read; nothing of them runs",
    "pictures": "damaged pictures of every format: refused, or twice the same pixels",
    "goldens": "damaged recordings in every format: refused, or every tensor that a digest vouches for is as it was",
    "compare": "`refnet compare` on damaged recordings, tables of names, ports with a changed number or bit",
    "verify": "`refnet verify` with damaged certificates and tables of digests",
}

ATTACKS = {attack.name: attack for module in (readers, goldens) for attack in module.attacks()}
