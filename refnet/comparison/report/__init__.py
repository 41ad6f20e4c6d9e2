"""Report: a comparison as one page for the browser, which needs nothing but itself."""

from refnet.comparison.report.page import check_target, write_report

__all__ = ["check_target", "write_report"]
