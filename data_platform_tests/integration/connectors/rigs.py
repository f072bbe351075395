"""The sources that the standard suite drives: one rig for each kind, over a real server or real files.

A rig puts records into its source and says, by reading the source itself, what raw has to hold.
"""

from __future__ import annotations

import http.client
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import yaml

from data_platform.connectors.http_push.connector import open_push_source
from data_platform.connectors.postgres_cdc.slot import when_free
from data_platform.lakehouse import s3_files
from data_platform.serving.collector import collector_app
from data_platform.serving.server import ServerHandle, serve
from data_platform_tests.integration.connectors.kafka_broker import Gate, KafkaBroker
from data_platform_tests.integration.connectors.postgres_server import PASSWORD, PostgresServer
from data_platform_tests.integration.connectors.push_kit import NDJSON, TOKEN
from data_platform_tests.integration.connectors.rest_server import TOKEN as API_TOKEN
from data_platform_tests.integration.connectors.rest_server import Answer, rest_server
from data_platform_tests.integration.connectors.s3_buckets import S3Server
from data_platform_tests.integration.lakehouse.faulty_s3 import Fault, faulty_s3
from data_platform_tests.kit import Kit

COLUMNS = ("id int required", "v string", "amount decimal(10,2)")
_CDC = ("cdc_op string required", "cdc_sequence string")


class Rig(ABC):
    """One source and the project that ingests it into `raw.shop.items`.

    Attributes:
        goes_down: whether there is a server that can be away.
        has_credential: whether the loop presents one.
        is_quick: records of the smallest batch that `max_batch_bytes` allows in the test of back-pressure.
    """

    kind: ClassVar[str]
    name: ClassVar[str] = ""  # where one kind has several rigs
    goes_down: ClassVar[bool] = True
    has_credential: ClassVar[bool] = True
    takes_back: ClassVar[str | None] = None  # what `replay --from` says for everything
    counted: ClassVar[dict[str, Any] | None] = None  # options under which its source says what it holds

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stack = ExitStack()
        self.secret = folder / "secret"
        self.kit = Kit(folder)

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """The entry in connectors.yaml."""

    @abstractmethod
    def send(self, ids: Iterable[int], **extra: Any) -> None:
        """Puts one record for each id, with extra fields."""

    @abstractmethod
    def send_bad(self, number: int) -> None:
        """Puts one record that cannot be read as the contract's types."""

    @abstractmethod
    def held(self) -> list[int]:
        """The ids that the source holds, read from the source, without those of bad records."""

    def state(self, rows: int) -> None:
        """Says how many records were put there, where the source does not know that by itself."""
        assert self.counted is not None

    def down(self) -> None:
        """Takes the source away."""
        raise NotImplementedError

    def up(self) -> None:
        """Brings it back."""
        raise NotImplementedError

    def rotate(self) -> None:
        """Changes the credential at the source and where the platform reads it."""
        raise NotImplementedError

    def revoke(self) -> None:
        """Changes the credential at the source only."""
        raise NotImplementedError

    def columns(self) -> tuple[str, ...]:
        return COLUMNS

    def format(self) -> dict[str, Any]:
        return {"kind": "ndjson"}

    def open(self, **more: Any) -> Kit:
        """Writes the project, with more options or contract properties (`schema_change`)."""
        custom = {name: more.pop(name) for name in ("schema_change",) if name in more}
        self.kit.raw("items", self.columns(), format=self.format(), **custom)
        self.kit.connectors["items"] = {"kind": self.kind, "dataset": "raw.shop.items", **self.options(), **more}
        written = yaml.safe_dump({"connectors": self.kit.connectors})
        (self.folder / "domains" / "shop" / "connectors.yaml").write_text(written)
        self.kit.reopen()
        return self.kit

    def arrived(self) -> list[int]:
        """The ids in raw, in the order of batch and record number."""
        rows = self.kit.rows("raw.items")
        in_order = sorted(rows, key=lambda row: (int(row["_batch_id"].rpartition("/")[2]), row["_record_no"]))
        return [row["id"] for row in in_order if self.is_record(row)]

    def is_record(self, row: dict[str, Any]) -> bool:
        return True

    def close(self) -> None:
        self.kit.close()
        self.stack.close()


def line(number: int, extra: dict[str, Any]) -> str:
    return json.dumps({"id": number, "v": f"v{number}", "amount": number + 0.25, **extra})


class FileDropRig(Rig):
    kind = "file_drop"
    counted: ClassVar[dict[str, Any] | None] = {"control_totals": "items/*.totals"}
    goes_down = has_credential = False

    def options(self) -> dict[str, Any]:
        return {"path": "items/*.ndjson"}

    def send(self, ids: Iterable[int], **extra: Any) -> None:
        numbers = list(ids)
        self._drop(numbers[0], [line(number, extra) for number in numbers])

    def send_bad(self, number: int) -> None:
        self._drop(number, [line(number, {"amount": "a lot"})])

    def state(self, rows: int) -> None:
        files = (self.folder / "source" / "items").glob("*.ndjson")
        counts = {file.name: len(file.read_text().splitlines()) for file in files}
        assert sum(counts.values()) == rows
        self.kit.drop("items/all.totals", json.dumps(counts))

    def held(self) -> list[int]:
        found = []
        for file in sorted((self.folder / "source" / "items").glob("*.ndjson")):
            records = [json.loads(text) for text in file.read_text().splitlines()]
            found += [record["id"] for record in records if record["amount"] != "a lot"]
        return found

    def _drop(self, number: int, lines: list[str]) -> None:
        # As a careful sender does: written aside, then renamed.
        self.kit.drop(f"items/{number:06}.part", "".join(text + "\n" for text in lines))
        folder = self.folder / "source" / "items"
        (folder / f"{number:06}.part").rename(folder / f"{number:06}.ndjson")


class S3DropRig(FileDropRig):
    """Files in a bucket, behind a door that can be shut."""

    name = "file_drop_s3"
    goes_down = True
    counted = None  # as in a folder

    def __init__(self, folder: Path, server: S3Server) -> None:
        super().__init__(folder)
        self.proxy, self.credentials = self.stack.enter_context(faulty_s3(server.credentials))
        self.secret.write_text(str(self.credentials.secret_access_key))
        self.bucket = server.bucket()
        self.stack.enter_context(patch.object(s3_files, "_ATTEMPTS", 4))  # nobody wants to wait here

    def options(self) -> dict[str, Any]:
        access = {
            "access_key_id": self.credentials.access_key_id,
            "secret_access_key": {"file": str(self.secret)},
            "endpoint_url": self.credentials.endpoint_url,
            "region": self.credentials.region,
            "allow_http": True,
        }
        return {"path": f"s3://{self.bucket.name}/items/*.ndjson", "s3": access}

    def held(self) -> list[int]:
        objects = self.bucket.objects("items/")
        records = [json.loads(text) for _, data in sorted(objects.items()) for text in data.decode().splitlines()]
        return [record["id"] for record in records if record["amount"] != "a lot"]

    def down(self) -> None:
        self.proxy.rule = lambda _method, _path: Fault.LOST

    def up(self) -> None:
        self.proxy.rule = None

    def _drop(self, number: int, lines: list[str]) -> None:
        self.bucket.put(f"items/{number:06}.ndjson", "".join(text + "\n" for text in lines).encode())


class KafkaRig(Rig):
    kind = "kafka"
    takes_back = "earliest"
    counted: ClassVar[dict[str, Any] | None] = {"count_every": "PT0S"}

    def __init__(self, folder: Path, broker: KafkaBroker) -> None:
        super().__init__(folder)
        self.topic = folder.name.replace("_", "-")[-60:] + str(abs(hash(folder)) % 10**6)
        self.broker = broker
        self.secret.write_text("first")
        self.gate = Gate(broker, password="first")
        self.stack.callback(self.gate.shut)
        self._held: list[int] = []
        broker.create(self.topic)

    def options(self) -> dict[str, Any]:
        return {
            "bootstrap": self.gate.address,
            "topic": self.topic,
            "linger_seconds": 0.2,
            "security": {
                "protocol": "SASL_PLAINTEXT",
                "mechanism": "PLAIN",
                "username": "ann",
                "password": {"file": str(self.secret)},
            },
        }

    def send(self, ids: Iterable[int], **extra: Any) -> None:
        numbers = list(ids)
        self._held += numbers
        self.broker.produce(self.topic, [line(number, extra).encode() for number in numbers])

    def send_bad(self, number: int) -> None:
        self.broker.produce(self.topic, [b'{"id": ' + str(number).encode() + b', "v"'])

    def held(self) -> list[int]:
        from confluent_kafka import Consumer, TopicPartition

        reader = Consumer({"bootstrap.servers": self.broker.address, "group.id": "audit", "log_level": 0})
        try:
            place = TopicPartition(self.topic, 0, 0)
            reader.assign([place])
            _, high = reader.get_watermark_offsets(place, timeout=10)
            values = []
            while len(values) < high:
                message = reader.poll(10)
                assert message is not None
                assert message.error() is None
                values.append(message.value())
        finally:
            reader.close()
        return [json.loads(value)["id"] for value in values if value.endswith(b"}")]

    def down(self) -> None:
        self.gate.shut()

    def up(self) -> None:
        self.gate.open()

    def rotate(self) -> None:
        self.revoke()
        self.secret.write_text("second")

    def revoke(self) -> None:
        self.gate.shut()
        self.gate.password = "second"
        self.gate.open()


class HttpPushRig(Rig):
    kind = "http_push"
    goes_down = has_credential = False  # of the loop: senders present it, and the endpoint's own tests change it
    counted: ClassVar[dict[str, Any] | None] = {"count_every": "PT0S"}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.secret.write_text(TOKEN)
        self._served: ServerHandle | None = None
        self._held: list[int] = []

    def options(self) -> dict[str, Any]:
        return {"token": {"file": str(self.secret)}, "accepts": ["cloudevents", "ndjson"]}

    def open(self, **more: Any) -> Kit:
        kit = super().open(**more)
        source = open_push_source(kit.entry("items"), kit.platform.ingester.place)
        self.stack.callback(source.spool.close)
        self._served = serve(collector_app([source]))
        self.stack.callback(self._served.stop)
        return kit

    def send(self, ids: Iterable[int], **extra: Any) -> None:
        for number in ids:
            self._post(line(number, extra).encode())
            self._held.append(number)  # what was answered for is what has to arrive

    def send_bad(self, number: int) -> None:
        self._post(b'{"id": ' + str(number).encode() + b', "v"')

    def held(self) -> list[int]:
        return self._held

    def state(self, rows: int) -> None:
        said = {"date": self.kit.clock.now().date().isoformat(), "rows": rows}
        self._post(json.dumps(said).encode(), to="/ingest/items/counts", status=200)

    def _post(self, record: bytes, *, to: str = "/ingest/items", status: int = 202) -> None:
        assert self._served is not None
        connection = http.client.HTTPConnection("127.0.0.1", self._served.port, timeout=20)
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": NDJSON}
        try:
            connection.request("POST", to, record + b"\n", headers)
            assert connection.getresponse().status == status
        finally:
            connection.close()


class SqlTableRig(Rig):
    kind = "sql_table"
    takes_back = "start"

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        super().__init__(folder)
        self.server = server
        self.user = f"reader_{abs(hash(folder)) % 10**6}"
        self.secret.write_text("first")
        self._changed: list[int] = []
        self.database = server.new_database()
        server.set_password(self.user, "first")
        server.execute(
            self.database,
            "CREATE TABLE items (id int PRIMARY KEY, v text, amount numeric)",
            f"GRANT SELECT ON items TO {self.user}",
        )

    def options(self) -> dict[str, Any]:
        return {
            "url": f"postgresql+psycopg://{self.user}@{self.server.host}:{self.server.port}/{self.database}",
            "password": {"file": str(self.secret)},
            "table": "items",
            "cursor": "id",
            "overlap": 0,
            "chunk_rows": 10,
        }

    def send(self, ids: Iterable[int], **extra: Any) -> None:
        for name in extra:
            self.server.execute(self.database, f"ALTER TABLE items ADD COLUMN {name} text DEFAULT '{extra[name]}'")
            if self.kind == "sql_table":  # the row at the cursor is read again, and is another one now
                self._changed += [row[0] for row in self.server.rows(self.database, "SELECT max(id) FROM items")]
        self.server.execute(self.database, *(_insert(number, f"{number}.25") for number in ids))

    def send_bad(self, number: int) -> None:
        self.server.execute(self.database, _insert(number, "1.2345"))  # more digits than the contract has

    def held(self) -> list[int]:
        rows = self.server.rows(self.database, "SELECT id FROM items WHERE amount <> 1.2345")
        return [row[0] for row in rows] + self._changed

    def down(self) -> None:
        self.server.stop()

    def up(self) -> None:
        self.server.start()

    def rotate(self) -> None:
        self.revoke()
        self.secret.write_text("second")

    def revoke(self) -> None:
        self.server.set_password(self.user, "second")


def _insert(number: int, amount: str) -> str:
    return f"INSERT INTO items VALUES ({number}, 'v{number}', {amount})"


class PostgresCdcRig(SqlTableRig):
    kind = "postgres_cdc"
    takes_back = "snapshot"
    counted: ClassVar[dict[str, Any] | None] = {"count_every": "PT0S"}

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        super().__init__(folder, server)
        server.execute(self.database, "CREATE PUBLICATION data_platform_items FOR TABLE items")

    def options(self) -> dict[str, Any]:
        return {
            "host": self.server.host,
            "port": self.server.port,
            "dbname": self.database,
            "user": self.user,
            "password": {"file": str(self.secret)},
            "table": "public.items",
            "publication": "data_platform_items",
            "slot": f"slot_{self.database}",
        }

    def drop_slot(self) -> None:
        """Frees what the server keeps for this rig; its readers have to be gone."""
        drop = (
            f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '{self.database}'"
        )
        when_free(lambda: self.server.execute(self.database, drop))

    def columns(self) -> tuple[str, ...]:
        return ("id int", "v string", "amount decimal(10,2)", *_CDC)

    def format(self) -> dict[str, Any]:
        return {"kind": "ndjson", "envelope": "debezium"}

    def is_record(self, row: dict[str, Any]) -> bool:
        return row["cdc_op"] in ("c", "r", "u")


class RestPullRig(Rig):
    kind = "rest_pull"
    takes_back = "start"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.api = self.stack.enter_context(rest_server())
        self.secret.write_text(API_TOKEN)
        self.api.token = API_TOKEN
        self.api.paging = "offset"
        self.api.show = lambda record, query: record["id"] > int(query.get("after", -1))

    def options(self) -> dict[str, Any]:
        return {
            "url": self.api.url,
            "path": "items",
            "data_selector": "items",
            "paginator": {"type": "offset", "limit": 3, "total_path": "total"},
            "auth": {"type": "bearer", "secret": {"file": str(self.secret)}},
            "cursor": {"field": "id", "param": "after", "kind": "number"},
            "backoff": 0,
            "is_ordered": True,
        }

    def send(self, ids: Iterable[int], **extra: Any) -> None:
        self.api.records += [line(number, extra) for number in ids]

    def send_bad(self, number: int) -> None:
        self.api.records.append(line(number, {"amount": "a lot"}))

    def held(self) -> list[int]:
        records = [json.loads(text) for text in self.api.records]
        return [record["id"] for record in records if record["amount"] != "a lot"]

    def down(self) -> None:
        self.api.answers = [Answer(status=503)] * 50

    def up(self) -> None:
        self.api.answers = []

    def rotate(self) -> None:
        self.revoke()
        self.secret.write_text("another")

    def revoke(self) -> None:
        self.api.token = "another"


KINDS: tuple[type[Rig], ...] = (FileDropRig, S3DropRig, KafkaRig, HttpPushRig, SqlTableRig, PostgresCdcRig, RestPullRig)


def rigs(kind: type[Rig], folder: Path, request: Any) -> Iterator[Rig]:
    """A rig in a folder, with the servers it needs."""
    needs: list[Any] = []
    if kind is S3DropRig:
        needs = [request.getfixturevalue("s3_drop_server")]
    elif kind is KafkaRig:
        needs = [request.getfixturevalue("kafka_broker")]
    elif issubclass(kind, SqlTableRig):
        needs = [request.getfixturevalue("postgres_server")]
    rig = kind(folder, *needs)
    try:
        yield rig
    finally:
        rig.close()


__all__ = ["KINDS", "PASSWORD", "TOKEN", "Rig", "rigs"]
