"""Excel workbooks (.xlsx, .xls, .ods) as a source; every value becomes the text a clerk would read."""

from jutong.outside.excel.folder import ExcelFolder, read_sheet, read_workbook

__all__ = ["ExcelFolder", "read_sheet", "read_workbook"]
