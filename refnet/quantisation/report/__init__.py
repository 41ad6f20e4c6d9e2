"""The report on an integer network: what it means in sentences, as JSON, and as a page for the browser."""
