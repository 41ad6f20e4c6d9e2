"""The pages of the site that do not lie in docs/: README is its first one. mkdocs calls this, see mkdocs.yml."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def on_files(files: Files, config: Any) -> None:
    """Add the pages, with links as they are from inside docs/."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text("utf-8")
        for name, moved in PAGES.items():
            text = text.replace(f"]({name})", f"]({moved})")
        text = text.replace("](docs/", "](").replace('src="docs/', 'src="').replace("[NOTICE](NOTICE)", "`NOTICE`")
        files.append(File.generated(config, page, content=text))
