"""The report: one page for the browser, complete in itself."""

from refnet.evaluation.report.page import check_target, write_report

__all__ = ["check_target", "write_report"]
