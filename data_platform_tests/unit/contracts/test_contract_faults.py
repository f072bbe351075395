"""Every kind of fault that one contract can have: one text of a good contract is exchanged, and the fault names the line."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from data_platform.contracts.odcs import read_contract
from data_platform_tests.unit.contracts.shop_project import SHOP, copy_of_shop, exchange

ORDERS = "curated/orders"
RAW = "raw/orders"
EVENTS = "raw/customers"
HISTORY = "curated/customers"
SALES = "served/daily_sales"


class Case(NamedTuple):
    """`old` becomes `new` in a file; a fault then holds `says`, `below` lines under the place of `old`."""

    file: str
    old: str
    new: str
    says: str
    below: int = 0


HEAD = [
    Case(ORDERS, "apiVersion: v3.2.0", "apiVersion: v2.2.2", "apiVersion 'v2.2.2'"),
    Case(ORDERS, "apiVersion: v3.2.0\n", "", "apiVersion None"),
    Case(ORDERS, "kind: DataContract", "kind: Contract", "kind is 'Contract'"),
    Case(ORDERS, "id: urn:shop:curated:orders\n", "", "the contract has no id", -2),
    Case(ORDERS, "version: 1.2.0", "version: '1.2'", "version '1.2' is not a version"),
    Case(ORDERS, "version: 1.2.0", "version: 1.2", "'version' at the top level has the wrong type"),
    Case(ORDERS, "status: active", "status: activ", "status 'activ' is unknown"),
    Case(ORDERS, "domain: shop", "domain: store", "domain is 'store', but the file lies in domain 'shop'"),
    Case(ORDERS, "  - name: orders\n", "  - name: order\n", "named 'order', but the file 'orders'"),
    Case(SALES, "team: {name: Shop Data}\n", "", "the dataset has no owner", -6),
    Case(SALES, "team: {name: Shop Data}", "team: {description: us}", "the dataset has no owner"),
    Case(SALES, "team: {name: Shop Data}", "team: [{username: ann}]", "team is a bare list"),
    Case(RAW, "role: Owner", "role: Guest", "no present member of the team has the role owner"),
    Case(ORDERS, 'channel: "#shop"', "tool: slack", "a support entry has no channel"),
    Case(ORDERS, "property: latency", "property: latenzy", "unknown service level 'latenzy'"),
    Case(ORDERS, "value: 6, unit: h", "value: 6, unit: parsec", "latency has unknown unit 'parsec'"),
    Case(ORDERS, "value: 6, unit: h", "value: soon, unit: h", "latency is no length of time"),
    Case(ORDERS, "property: retention", "property: latency", "service level 'latency' stands twice"),
    Case(ORDERS, "value: 99.5", "value: 120", "availability is no percentage"),
    Case(SALES, "schema:\n", "schema:\n  - {name: other}\n", "the file holds 2 schema objects"),
]
KEYS = [
    Case(ORDERS, "status: active", "status: active\nstatsu: active", "unknown key 'statsu' at the top level", 1),
    Case(ORDERS, "        tags: [key]", "        tagz: [key]", "unknown key 'tagz' in schema[0].properties[0]"),
    Case(ORDERS, "minLength: 4", "minLenght: 4", "logicalTypeOptions of a string has no 'minLenght'"),
    Case(ORDERS, "value: open", "valeu: open", "unknown key 'valeu' in schema[0].properties[4].enum[0]"),
    Case(ORDERS, "{name: visits,", "{nmae: visits,", "unknown key 'nmae'"),
    Case(ORDERS, "missingValues: [", "missing: [", "metric missingValues has no key 'missing'"),
    Case(ORDERS, "unit: percent, severity", "units: percent, severity", "unknown key 'units'"),
    Case(ORDERS, "status: active", "status: active\nstatus: draft", "key 'status' stands twice", 1),
    Case(ORDERS, "primaryKey: true", "primaryKey: 'yes'", "'primaryKey' in schema[0].properties[0] has the wrong type"),
    Case(ORDERS, "tags: [shop]", "tags: shop", "'tags' at the top level has the wrong type"),
    Case(ORDERS, "platform.tier", "platform.teir", "unknown custom property 'platform.teir'"),
    Case(ORDERS, "platform.scope", "platform.skope", "unknown custom property 'platform.skope'"),
    Case(ORDERS, "platform.cost_tags", "platform.tier", "custom property 'platform.tier' stands twice"),
    Case(ORDERS, "value: gold}", "description: x}", "custom property 'platform.tier' has no value"),
    Case(ORDERS, "property: otherTool.setting, ", "", "a custom property has no name"),
    Case(RAW, "platform.aliases", "platform.alias", "unknown custom property 'platform.alias'"),
    Case(
        ORDERS,
        'channel: "#shop"',
        'channel: "#shop", customProperties: [{property: platform.tier, value: a}]',
        "unknown custom property 'platform.tier'",
    ),
]
COLUMNS = [
    Case(ORDERS, "- name: weight\n        logicalType: number", "- name: weight", "column 'weight' has no logicalType"),
    Case(ORDERS, "logicalType: date\n", "logicalType: dat\n", "column 'placed_on' has unknown logicalType 'dat'"),
    Case(ORDERS, "physicalType: double", "physicalType: float", "number with physicalType 'float'"),
    Case(ORDERS, "        physicalType: double\n", "", "a number does not say whether it is exact", -2),
    Case(ORDERS, "decimal(12,2)", "decimal(12,13)", "number with physicalType 'decimal(12,13)'"),
    Case(ORDERS, "format: i32", "format: u8", "integer format 'u8' is not stored"),
    Case(RAW, "Europe/Berlin", "Europe/Belrin", "the zone of timestamps without offset is 'Europe/Belrin'"),
    Case(RAW, "timezone: false, defaultTimezone", "defaultTimezone", "defaultTimezone is read only for timestamps"),
    Case(RAW, "timezone: false", "timezone: maybe", "timezone must be true or false"),
    Case(RAW, "2020-01-01T00:00:00", "2020-13-01T00:00:00", "minimum is no timestamp value"),
    Case(ORDERS, "minimum: 2020-01-01", "minimum: 01/02/2020", "minimum is no date value"),
    Case(ORDERS, "minimum: 2020-01-01", "minimum: 2120-01-01", "no value lies between 2120-01-01 and 2100-01-01"),
    Case(ORDERS, "minimum: 0.10,", 'minimum: "0.10",', "minimum is no decimal(12,2) value"),
    Case(ORDERS, "exclusiveMinimum: 0", "exclusiveMinimum: 0.5", "exclusiveMinimum is no integer(i32) value"),
    Case(ORDERS, "exclusiveMinimum: 0", "exclusiveMinimum: 0, minimum: 1", "given both inclusive and exclusive"),
    Case(ORDERS, "multipleOf: 0.05", "multipleOf: 0", "multipleOf is no number above zero"),
    Case(ORDERS, "minLength: 4", "minLength: -1", "minLength is no length"),
    Case(ORDERS, "minLength: 4", "minLength: 13", "minLength is greater than maxLength"),
    Case(ORDERS, '"O[0-9]+"', '"O(?=1)"', "the pattern does not compile (RE2"),
    Case(ORDERS, '"O[0-9]+"', '"O[0-9"', "the pattern does not compile (Python's re"),
    Case(ORDERS, "format: email", "format: uuid", "text format 'uuid' is not enforced"),
    Case(ORDERS, "{value: open}", "{value: true}", "True is no string value"),
    Case(ORDERS, "{value: no}", "{value: open}", "enum has 'open' twice"),
    Case(ORDERS, '[{value: open}, {value: no}, {value: "1"}]', "[]", "enum admits no value"),
    Case(ORDERS, "primaryKeyPosition: 1", "primaryKeyPosition: 0", "primaryKeyPosition starts from 1"),
    Case(ORDERS, "        partitioned: true\n", "", "partitionKeyPosition without partitioned"),
    Case(ORDERS, "to: curated.shop.customers.customer_no", "to: customers.customer_no", "does not name its target"),
    Case(ORDERS, "type: foreignKey", "type: friend", "relationship type 'friend' is not enforced"),
    Case(
        ORDERS, "{name: visits, logicalType: integer}", "{name: CITY, logicalType: integer}", "has field 'CITY' twice"
    ),
    Case(
        ORDERS, "{name: visits, ", "{unique: true, name: visits, ", "unique is not enforced inside an object or array"
    ),
    Case(RAW, "value: [OrderNo]", "value: OrderNo", "platform.aliases is no list of names"),
    Case(RAW, "value: [OrderNo]", "value: [ordered_at]", "alias 'ordered_at' of column 'Order No' already means"),
    Case(
        RAW,
        "logicalType: timestamp\n",
        "logicalType: timestamp\n        customProperties: [{property: platform.charset, value: free}]\n",
        "cannot have charset 'free'",
        1,
    ),
]
QUALITY = [
    Case(ORDERS, "metric: rowCount", "metric: rowcount", "unknown metric 'rowcount'"),
    Case(ORDERS, "metric: nullValues", "metric: rowCount", "metric rowCount does not belong here"),
    Case(ORDERS, "mustBeLessThan: 5, ", "", "the quality entry has no bound"),
    Case(ORDERS, "severity: warning", "severity: fatal", "severity 'fatal' is unknown"),
    Case(ORDERS, "severity: warning", "severity: quarantine", "quarantine holds back single rows"),
    Case(ORDERS, "unit: percent, severity", "unit: ppm, severity", "unit 'ppm' is unknown"),
    Case(ORDERS, "mustBeBetween: [1, 1000000]", "mustBeBetween: [5, 1]", "bounds the wrong way round"),
    Case(ORDERS, "mustBeBetween: [1, 1000000]", "mustBe: many", "mustBe is no number"),
    Case(ORDERS, "mustBeBetween: [1, 1000000]", "mustNotBeBetween: [1, 5]", "mustNotBeBetween is not enforced"),
    Case(ORDERS, "{name: mean_amount, ", "{", "a sql quality entry has no name"),
    Case(ORDERS, "name: mean_amount", "name: Mean Amount", "'Mean Amount' is not lower case"),
    Case(ORDERS, "name: mean_amount", "name: one_mail_each", "two quality entries are named 'one_mail_each'"),
    Case(ORDERS, "query: SELECT avg(amount) FROM curated.shop.orders, ", "", "a sql quality entry has no query"),
    Case(ORDERS, "{type: text,", "{type: custom,", "quality type 'custom' is not enforced"),
    Case(ORDERS, "value: row}", "value: cell}", "platform.scope is row or table"),
    Case(ORDERS, "{rows: 5, ratio: 0.01}", "{rows: -5}", "tolerance rows is no count"),
    Case(ORDERS, "{rows: 5, ratio: 0.01}", "{ratio: 2}", "tolerance ratio is no share"),
    Case(ORDERS, "{rows: 5, ratio: 0.01}", "{lines: 2}", "platform.tolerance has no key 'lines'"),
    Case(ORDERS, "properties: [email, placed_on]", "properties: []", "properties is no list of values"),
    Case(ORDERS, "properties: [email, placed_on]", "properties: [mail]", "curated.shop.orders has no column 'mail'"),
    Case(SALES, "metric: nullValues", "metric: invalidValues", "invalidValues does not say what is valid"),
    Case(SALES, "metric: nullValues", "metric: invalidValues, arguments: {validValues: [x]}", "'x' is no decimal"),
    Case(SALES, "metric: nullValues", "rule: nullValues", "rule is the old spelling of metric"),
]
PLATFORM = [
    Case(RAW, "kind: csv", "kind: excel", "kind has no value 'excel'"),
    Case(RAW, "max_columns: 50", "max_colums: 50", "platform.format of kind csv has no key 'max_colums'"),
    Case(RAW, "max_columns: 50", "coerce: true", "platform.format of kind csv has no key 'coerce'"),
    Case(RAW, "max_columns: 50", "max_columns: 0", "platform.format: max_columns cannot be 0"),
    Case(RAW, "encoding: latin-1", "encoding: latin-99", "platform.format: encoding cannot be 'latin-99'"),
    Case(RAW, 'delimiter: ";"', 'delimiter: ";;"', "platform.format: delimiter cannot be ';;'"),
    Case(RAW, "quote: null", 'quote: ";"', "quote and delimiter are the same"),
    Case(RAW, "max_columns: 50", "envelope: debezium", "platform.format of kind csv has no key 'envelope'"),
    Case(RAW, "max_columns: 50", "compression: bzip2", "platform.format: compression cannot be 'bzip2'"),
    Case(EVENTS, "coerce: true", "envelope: avro", "platform.format: envelope cannot be 'avro'"),
    Case(RAW, "value: ordered_at", "value: orderd_at", "watermark names no column: 'orderd_at'"),
    Case(RAW, "value: ordered_at", "value: amount", "the watermark 'amount' is a decimal(12,2)"),
    Case(RAW, "value: P1DT6H", "value: 30 hours", "'30 hours' is no length of time"),
    Case(RAW, "value: P1DT6H", "value: P1M", "'P1M' is no length of time"),
    Case(RAW, "max_ahead: PT1H", "max_ahaed: PT1H", "platform.event_time_range has no key 'max_ahaed'"),
    Case(RAW, "not_before: 2020-01-01", "not_before: long ago", "not_before is no moment"),
    Case(RAW, "value: snapshot", "value: shapshot", "platform.delivery has no value 'shapshot'"),
    Case(RAW, "(?P<date>", "(?P<day>", "it has no group named date"),
    Case(RAW, "value: quarantine", "value: drop", "platform.schema_change has no value 'drop'"),
    Case(HISTORY, "value: scd2", "value: scd3", "platform.materialization has no value 'scd3'"),
    Case(HISTORY, "value: scd2", "value: ingest", "ingest is what raw datasets do"),
    Case(HISTORY, "value: changed_at", "value: []", "platform.sequence is no list of different names"),
    Case(
        HISTORY,
        "property: platform.sequence, value: changed_at",
        "property: platform.deletes, value: {a: 1}",
        "no key 'a'",
    ),
    Case(
        HISTORY,
        "property: platform.sequence, value: changed_at",
        "property: platform.deletes, value: {column: a, values: [D], truncates: T}",
        "truncates is no list of values",
    ),
    Case(
        HISTORY,
        "property: platform.sequence, value: changed_at",
        "property: platform.deletes, value: {column: a, values: [D], ignores: [H, D]}",
        "'D' stands in values and in ignores",
    ),
    Case(ORDERS, "value: {product: checkout}", "value: {product: 3}", "cost tag 'product' is no text"),
    Case(ORDERS, "value: {product: checkout}", "value: checkout", "platform.cost_tags is no mapping"),
]
CONSISTENCY = [
    Case(RAW, "property: platform.schema_change, value: quarantine", "property: platform.materialization, value: admit",
         "platform.materialization has no effect in raw"),
    Case(ORDERS, "property: platform.tier, value: gold", "property: platform.delivery, value: incremental",
         "platform.delivery has no effect in curated"),
    Case(ORDERS, "  - {property: platform.materialization, value: admit}\n", "", "does not say how its rows come about", -64),
    Case("raw/customers", "  - {property: platform.format, value: {kind: ndjson, coerce: true}}\n",
         "  - {property: a, value: b}\n", "does not say how its bytes are read", -6),
    Case(RAW, "  - {property: platform.delivery_date_pattern, value: 'orders_(?P<date>\\d{8})\\.csv'}\n", "",
         "snapshot deliveries are told apart by their date", -1),
    Case(RAW, "  - {property: platform.watermark, value: ordered_at}\n", "", "event_time_range without a watermark", 1),
    Case(RAW, "  - {property: platform.watermark, value: ordered_at}\n", "", "allowed_lateness without a watermark"),
    Case(RAW, "name: Order No,", "name: _order,", "takes a name that the platform keeps for itself"),
    Case(RAW, "name: Order No,", 'name: "a\\0",', "takes a name that the platform keeps for itself"),
    Case(RAW, "{name: amount, ", "{unique: true, name: amount, ", "raw keeps every record, repeats too"),
    Case(ORDERS, "name: weight", "name: Weight", "column 'Weight' is not a lower case name"),
    Case(RAW, "name: amount", "name: ORDERED_AT", "columns 'ordered_at' and 'ORDERED_AT' differ by case at most"),
    Case(HISTORY, ", primaryKey: true", "", "scd2 has no key to merge by", 6),
    Case(HISTORY, "\n  - {property: platform.sequence, value: changed_at}", "", "scd2 cannot tell which row"),
    Case(HISTORY, "      - {name: valid_to, logicalType: timestamp}\n", "", "scd2 has no column 'valid_to'", -5),
    Case(HISTORY, "name: is_current, logicalType: boolean", "name: is_current, logicalType: string", "another type or null"),
    Case(HISTORY, "name: valid_from, logicalType: timestamp, required: true", "name: valid_from, logicalType: timestamp",
         "scd2's column 'valid_from' has another type or nullability"),
    Case(HISTORY, "{name: name, ", "{unique: true, name: name, ", "a history repeats its values"),
    Case(HISTORY, "{name: is_current, ", "{primaryKey: true, name: is_current, ", "'is_current' changes when the next"),
    Case(HISTORY, "value: changed_at", "value: valid_from", "platform.sequence names 'valid_from', which scd2 fills in"),
    Case(HISTORY, "property: platform.sequence, value: changed_at",
         "property: platform.deletes, value: {column: valid_to, values: [D]}", "platform.deletes names 'valid_to'"),
    Case(HISTORY, "\n  - {property: platform.sequence,",
         "\n  - {property: platform.dedupe_key, value: name}\n  - {property: platform.sequence,",
         "never by platform.dedupe_key", 1),
    Case(HISTORY, "required: true, primaryKey", "primaryKey", "is part of the primary key but may be NULL"),
    Case(SALES, ", partitioned: true", "", "partition has no partition column", 3),
    Case(SALES, "{name: sales_amount,", "{partitioned: true, partitionKeyPosition: 2, name: sales_amount,",
         "the partition column 'sales_amount' is a decimal(18,2)"),
    Case(SALES, "{name: sales_amount,", "{primaryKey: true, required: true, name: sales_amount,", "same primaryKeyPosition"),
    Case(ORDERS, "physicalType: decimal(12,2)", "physicalType: double", "column 'amount' is money but a double", -2),
    Case(ORDERS, "name: weight", "name: weight_cost", "column 'weight_cost' is money but a double"),
    Case(ORDERS, "property: platform.tier, value: gold", "property: platform.dedupe_key, value: order",
         "curated.shop.orders has no column 'order'"),
    Case(ORDERS, "property: platform.tier, value: gold", "property: platform.sequence, value: weight",
         "the sequence 'weight' is a double"),
    Case(ORDERS, "property: platform.tier, value: gold", "property: platform.deletes, value: {column: a, values: [D]}",
         "admit deletes nothing by key"),
]  # fmt: skip
SYNTAX = [
    Case(ORDERS, "tags: [shop]", "tags: [shop", "this is not YAML", 1),
    Case(ORDERS, "tags: [shop]", "tags: &a [shop]\nx: *a", "alias *a is not read", 1),
    Case(ORDERS, "tags: [shop]", "tags: !!python/name:os.system [shop]", "tag tag:yaml.org,2002:python"),
    Case(ORDERS, "tags: [shop]", "---\ntags: [shop]", "a second YAML document begins here"),
    Case(ORDERS, "tags: [shop]", "tags: " + "[" * 70 + "]" * 70, "values nest deeper than 64 levels"),
    Case(ORDERS, "tags: [shop]", "? [shop]\n: x", "a key must be text"),
]
CASES = [*HEAD, *KEYS, *COLUMNS, *QUALITY, *PLATFORM, *CONSISTENCY, *SYNTAX]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}: {case.new[:40]!r} for {case.old[:30]!r}")
def test_a_fault_names_its_line_and_a_fix(case: Case, tmp_path: Path) -> None:
    path = copy_of_shop(tmp_path) / f"{case.file}.odcs.yaml"
    line = exchange(path, case.old, case.new)
    result = read_contract(path)
    assert result.contract is None
    assert [fault.line for fault in result.faults if case.says in fault.message] == [line + case.below], result.faults
    assert all(fault.fix and fault.path.endswith(path.name) for fault in result.faults)


def test_the_good_contracts_have_no_fault() -> None:
    for path in SHOP.rglob("*.odcs.yaml"):
        assert read_contract(path).faults == ()


def test_all_faults_of_a_file_are_reported_together(tmp_path: Path) -> None:
    path = copy_of_shop(tmp_path) / f"{ORDERS}.odcs.yaml"
    wrong = [HEAD[4], HEAD[6], KEYS[1], KEYS[2], COLUMNS[3], QUALITY[0], CONSISTENCY[10]]
    for case in wrong:
        exchange(path, case.old, case.new)
    found = read_contract(path).faults
    assert [fault.line for fault in found] == sorted(fault.line for fault in found)
    assert [case for case in wrong if not any(case.says in fault.message for fault in found)] == []
    assert len(found) == len(wrong)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("shop/curated/Orders.odcs.yaml", "'Orders' cannot be a name"),
        ("My Shop/curated/orders.odcs.yaml", "'My Shop' cannot be a name"),
        ("shop/bronze/orders.odcs.yaml", "does not say its layer"),
        ("shop/curated/orders.yaml", "does not say its layer"),
    ],
)
def test_a_file_in_the_wrong_place_is_a_fault(name: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_bytes((SHOP / "curated/orders.odcs.yaml").read_bytes())
    assert [says in fault.message for fault in read_contract(path).faults if fault.line == 0] == [True]


@pytest.mark.parametrize(
    ("content", "says", "line"),
    [
        (b"", "does not hold a mapping", 1),
        (b"- a\n- b\n", "does not hold a mapping", 1),
        (b"a: b\nc: \xff\n", "byte 8 is not UTF-8", 2),
        ("a: ü".encode("utf-16"), "byte 0 is not UTF-8", 1),
        (b"a: b\nc: \x00\n", "control characters are not allowed", 2),
        (b"a" * (5 << 20), "more than 4194304 bytes", 0),
    ],
)
def test_bytes_that_are_no_contract_are_a_fault(content: bytes, says: str, line: int, tmp_path: Path) -> None:
    path = tmp_path / "shop" / "curated" / "orders.odcs.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    result = read_contract(path)
    assert [(says in fault.message, fault.line) for fault in result.faults] == [(True, line)]


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    assert "cannot be read" in read_contract(tmp_path / "shop/raw/gone.odcs.yaml").faults[0].message
