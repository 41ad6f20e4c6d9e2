"""Every attack by its name, and what each group of them does."""

from attacks import caches, disks, goldens, readers, signals, surroundings, tables, threads

ABOUT = {
    "readers": "damaged checkpoints of every format and weight files: refused, or read; nothing of them runs",
    "pictures": "damaged pictures of every format: refused, or twice the same pixels",
    "goldens": "damaged recordings in every format: refused, or every tensor that a digest vouches for is as it was",
    "compare": "`refnet compare` on damaged recordings, tables of names, ports with a changed number or bit",
    "verify": "`refnet verify` with damaged certificates and tables of digests",
    "tables": "damaged labels, true classes, answers of others, journals of interrupted runs, names on standard input",
    "words": "commands with words that nobody expects",
    "signals": "INT, TERM, HUP and KILL at random moments at every command that writes, and the next run after it",
    "disks": "full, read-only and vanishing disks under every command that writes; nobody reads the output",
    "caches": "flipped bits and cuts in compiled kernels, converted checkpoints and weight files: the same numbers",
    "threads": "16 threads with networks of several models, dtypes and sizes: the same digests",
    "forks": "forks beside threads that make new programs; children, grandchildren and pools predict",
    "environments": "odd variables, no HOME, closed and full streams, small limits, no /proc",
    "costly": "cheap files that would cost a careless reader much: at most 2 s of CPU a megabyte",
    "servers": "servers that lie, stop, drip, redirect or never end",
}

ATTACKS = {
    attack.name: attack
    for module in (readers, goldens, tables, signals, disks, caches, threads, surroundings)
    for attack in module.attacks()
}
