"""The alternative for Kafka: the same client in a plain loop that writes one Parquet file.

It keeps no position, rejects nothing and flushes nothing.

Prints the seconds from the first record asked for to the file written.
Usage: python -m data_platform.benchmarks.kafka_plain ADDRESS RECORDS OUT
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.json as paj
import pyarrow.parquet as pq
from confluent_kafka import Consumer, TopicPartition

from data_platform.benchmarks.kafka_to_raw import PARTITIONS, TOPIC

_BLOCK = 10_000
SCHEMA = pa.schema(
    [
        ("order_id", pa.string()),
        ("ordered_at", pa.timestamp("us", "UTC")),
        ("quantity", pa.int64()),
        ("amount", pa.int64()),
    ]
)


def run(address: str, records: int, out: Path) -> float:
    """Reads every record of the topic into `out`; the seconds it took."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "plain", "enable.auto.commit": False})
    consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in range(PARTITIONS)])
    options = paj.ParseOptions(explicit_schema=SCHEMA)
    began, read = time.monotonic(), 0
    with pq.ParquetWriter(out, SCHEMA, compression="zstd") as writer:
        while read < records:
            messages = consumer.consume(_BLOCK, timeout=1.0)
            if messages:
                lines = io.BytesIO(b"\n".join(message.value() or b"null" for message in messages))
                writer.write_table(paj.read_json(lines, parse_options=options))
                read += len(messages)
    consumer.close()
    return time.monotonic() - began


if __name__ == "__main__":
    sys.stdout.write(f"{run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))}\n")
