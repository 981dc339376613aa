"""A run's whole record as plain tables, for other programs to read, and back again."""

from swe_scale.analysis.exporting.reading import read_export
from swe_scale.analysis.exporting.tables import TABLES, Column, Table
from swe_scale.analysis.exporting.writing import Exported, Format, export_run

__all__ = ["TABLES", "Column", "Exported", "Format", "Table", "export_run", "read_export"]
