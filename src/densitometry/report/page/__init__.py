"""Reports a clinician opens: one self-contained HTML file a participant, and one for the whole study.

Everything is made from the tables and pictures of a results folder; nothing is measured again.
"""

from __future__ import annotations

from densitometry.report.page.build import Built, build_reports, export_fhir, export_redcap

__all__ = ["Built", "build_reports", "export_fhir", "export_redcap"]
