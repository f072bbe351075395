"""A small shop: two sources, three layers, one dataset of another tool downstream."""

from __future__ import annotations

from typing import Any

from data_platform_tests.unit.catalog.sending import dataset, dataset_event, facet, run_event, schema, texts, traced

KAFKA = "kafka://host:9092"


def owned(by: str, version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    contract = facet(contractId="c", contractVersion=version, contractSha256="ab")
    return {"ownership": facet(owners=[{"name": by}]), "dataPlatform_contract": contract, **more}


def shop() -> list[str]:
    orders = schema(("order_id", "number of the order"), ("amount", "what was paid, with tax"), ("status", ""))
    landed = schema(*((one["name"], one["description"]) for one in orders["fields"]), ("ordered_at", ""))
    daily = schema(("day", ""), ("revenue", "money that customers paid"), ("orders", "how many"))
    filtered = traced(day=[("raw.shop.orders", "ordered_at")], revenue=[("curated.shop.orders", "amount")], orders=[])
    filtered["dataset"] = [
        {"namespace": "data_platform", "name": "curated.shop.orders", "field": "status",
         "transformations": [{"type": "INDIRECT", "subtype": "FILTER"}]}
    ]  # fmt: skip
    copied = traced(
        order_id=[("raw.shop.orders", "order_id")], amount=[("raw.shop.orders", "amount")],
        status=[("raw.shop.orders", "status")],
    )  # fmt: skip
    return texts(
        dataset_event(dataset("raw.shop.orders", schema=landed, **owned("team-ingest"))),
        run_event(
            run=1, job="raw.shop.orders", inputs=[dataset("orders", KAFKA)], outputs=[dataset("raw.shop.orders")]
        ),
        run_event(
            run=2,
            job="curated.shop.orders",
            inputs=[dataset("raw.shop.orders", version=facet(datasetVersion="1"))],
            outputs=[
                dataset("curated.shop.orders", schema=orders, columnLineage=copied, **owned("team-shop", "2.1.0"))
            ],
        ),
        run_event(
            run=3,
            job="served.shop.revenue",
            inputs=[dataset("curated.shop.orders"), dataset("raw.shop.orders")],
            outputs=[
                dataset(
                    "served.shop.revenue",
                    schema=daily,
                    columnLineage=filtered,
                    documentation=facet(description="Revenue of the shop by day"),
                    tags=facet(tags=[{"key": "gold", "value": "true"}]),
                    **owned("team-finance"),
                )
            ],
        ),
        run_event(
            run=4,
            job="export",
            namespace="spark",
            inputs=[dataset("served.shop.revenue")],
            outputs=[dataset("bucket/revenue.csv", "s3://lake", schema=schema("day"))],
        ),
        run_event(
            run=5,
            job="curated.shop.orders",
            at="2026-03-01T11:00:00Z",
            inputs=[dataset("raw.shop.orders")],
            outputs=[dataset("curated.shop.orders")],
        ),
    )
