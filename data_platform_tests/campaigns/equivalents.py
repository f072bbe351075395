"""Mutants that behave as the original does, each with the reason why no test could tell the two apart.

A mutant is named as the campaign prints it: the file, the line, what became of the line.
"""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {
    (
        "data_platform/formats/lexical.py: "
        'if len(whole) + len(fraction) > _DECIMAL_DIGITS_LIMIT or (whole != "0" and len(whole) > '
        "whole_limit):"
        " -> "
        'if len(whole) + len(fraction) > _DECIMAL_DIGITS_LIMIT or (whole > "0" and len(whole) > '
        "whole_limit):"
    ): "whole is digits without leading zeros: all but 0 sort behind it",
    (
        "data_platform/formats/lexical.py: "
        "_INTEGER_DIGITS_LIMIT = 20  # more digits than any 64-bit integer has; int() of a long text is "
        "quadratic"
        " -> "
        "_INTEGER_DIGITS_LIMIT = 21  # more digits than any 64-bit integer has; int() of a long text is "
        "quadratic"
    ): "an integer of 21 characters is out of range by its value too",
    (
        "data_platform/formats/csv_records.py: if scan.line_end < scan.end: -> if scan.line_end != scan.end:"
    ): "the line end is looked for again before each field, and is the same one",
    (
        "data_platform/formats/csv_text.py: "
        "index_of = np.cumsum(proven | doubtful | lines.begins_apart) - 1"
        " -> "
        "index_of = np.cumsum(proven | doubtful ^ lines.begins_apart) - 1"
    ): "a line that begins a record read apart is never doubtful, so either operator joins the two",
    (
        "data_platform/quality/measures.py: if answers[0][0] is None: -> if answers[0][ -1] is None:"
    ): "the row was found to have one column, so its last is its first",
    (
        "data_platform/formats/csv_lines.py: "
        "doubtful |= (lengths == 1) | ((lengths == 2) & (codes[starts] == CR))"
        " -> "
        "doubtful |= (lengths == 1) | ((lengths < 2) & (codes[starts] == CR))"
    ): "a blank line has no delimiter, so the count of delimiters makes it doubtful as well",
    (
        "data_platform/formats/parquet.py: "
        "_HELD_BYTES = 64 << 20  # a stream that cannot seek is held in memory up to this size, then on "
        "disk"
        " -> "
        "_HELD_BYTES = 64 / 20  # a stream that cannot seek is held in memory up to this size, then on "
        "disk"
    ): "a stream that cannot seek goes to disk sooner; its bytes are the same",
    (
        "data_platform/formats/csv_structure.py: "
        "quote = -1 if self._quote is None else piece.find(self._quote, position, line_end)"
        " -> "
        "quote = 1 if self._quote is None else piece.find(self._quote, position, line_end)"
    ): "without quotes a record is left as faulty instead of plain, and both end at the next line end",
    (
        "data_platform/publication/decisions.py: "
        "wait=wait_random_exponential(multiplier=0.05, max=2),"
        " -> "
        "wait=wait_random_exponential(multiplier=0.05, max= 3),"
    ): "a random wait before another attempt is longer at most",
    (
        "data_platform/formats/text_casts.py: "
        "bounded = _within(placed, _days(date(1971, 1, 1)) * _DAY_US, _days(date(2037, 1, 1)) * "
        "_DAY_US)"
        " -> "
        "bounded = _within(placed, _days(date(1971, 1, 1)) // _DAY_US, _days(date(2037, 1, 1)) * "
        "_DAY_US)"
    ): "the kernel places the local times of 1970 as the exact path does, in every zone",
    (
        "data_platform/formats/csv_lines.py: "
        "delimiters = np.flatnonzero(codes == dialect.delimiter[0])"
        " -> "
        "delimiters = np.flatnonzero(codes == dialect.delimiter[ -1])"
    ): "a delimiter is one byte, so its last is its first",
    (
        "data_platform/formats/parquet_columns.py: "
        "values = pc.cast(values, pa.decimal128(20, 0))"
        " -> "
        "values = pc.cast(values, pa.decimal128( 19, 0))"
    ): "the schema refuses unsigned integers of 64 bits; 19 digits hold every other one",
    (
        "data_platform/formats/json_columns.py: "
        "options = pa_json.ReadOptions(use_threads=False, block_size=len(data) + 1)"
        " -> "
        "options = pa_json.ReadOptions(use_threads=False, block_size=len(data) + 2)"
    ): "the block is one byte larger than all that is to be read, and nothing more comes",
    (
        "data_platform/formats/csv_file.py: "
        "return layout, chain([head[record.end :]] if record.end < len(head) else [], blocks), "
        "record.end"
        " -> "
        "return layout, chain([head[record.end :]] if record.end is not len(head) else [], blocks), "
        "record.end"
    ): "a block of no bytes before the others is read as nothing",
    (
        'data_platform/formats/csv_structure.py: case "closing" if byte == CR: -> case "closing" if byte > CR:'
    ): "whatever stands behind a closing quote, the record ends at the next line end",
}
