-- Grain: run, dataset and day. Key: run_id, dataset, metered_on.
SELECT run_id, dataset, metered_on, owner, cost_centre, wall_seconds, cpu_seconds, peak_memory_bytes, bytes_read,
    bytes_written, logical_bytes_in
FROM ledger.run_meters
