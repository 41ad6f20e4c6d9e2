"""Pages for the browser: what is on one, whether it is well formed, and what a browser says of it."""

import subprocess
from html.parser import HTMLParser

from helpers.programs import need

HOSTILE = '<script>console.error("x")</script>"\'&\x00\x1b[31m'
VOID = {"meta", "img", "br", "link"}


class Balanced(HTMLParser):
    """Collects what a page holds; every element that opens must close."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def browse(path, profile, *options):
    need("chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={profile}"]
    command = ["chromium", *flags, *options, path.as_uri()]
    return subprocess.run(command, capture_output=True, timeout=120, check=True)
