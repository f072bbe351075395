-- Grain: dataset and day (UTC). Key: dataset, day. Not of the platform's own datasets and work: their publishing would
-- change what they publish.
WITH runs AS (
    SELECT
        dataset,
        CAST(started_at AT TIME ZONE 'UTC' AS DATE) AS day,
        count(*) AS runs,
        count(*) FILTER (state IN ('failed', 'blocked')) AS runs_failed,
        coalesce(sum(seconds), 0) AS run_seconds,
        arg_max(len(json_keys(inputs)), started_at) FILTER (inputs <> '{}') AS inputs,
        arg_max(code_version, started_at) FILTER (code_version <> '') AS code_version,
        arg_max(contract_version, started_at) FILTER (contract_version <> '') AS contract_version
    FROM ledger.runs
    GROUP BY ALL
),
slots AS (
    SELECT
        dataset,
        CAST(due_at AT TIME ZONE 'UTC' AS DATE) AS day,
        count(*) AS slots_due,
        sum(partitions_met / partitions_due) AS slots_met
    FROM ledger.run_slots
    GROUP BY ALL
),
checks AS (
    SELECT
        dataset,
        CAST(recorded_at AT TIME ZONE 'UTC' AS DATE) AS day,
        count(*) AS checks,
        count(*) FILTER (verdict IN ('failed', 'unknown')) AS checks_failed
    FROM ledger.checks
    GROUP BY ALL
),
fresh AS (
    SELECT
        subject AS dataset,
        CAST(measured_at AT TIME ZONE 'UTC' AS DATE) AS day,
        sum(good) AS fresh_seconds,
        sum(bad) AS stale_seconds,
        max(value) AS oldest_seconds
    FROM ledger.sli_values
    WHERE sli = 'freshness'
    GROUP BY ALL
),
used AS (
    SELECT dataset, metered_on AS day, sum(cpu_seconds) AS cpu_seconds, sum(bytes_written) AS bytes_written
    FROM ledger.run_meters
    GROUP BY ALL
),
opened AS (
    SELECT dataset, CAST(detected_at AT TIME ZONE 'UTC' AS DATE) AS day, count(*) AS incidents
    FROM ledger.incidents
    WHERE dataset <> ''
    GROUP BY ALL
),
deployed AS (
    SELECT CAST("at" AT TIME ZONE 'UTC' AS DATE) AS day, count(*) AS deploys
    FROM ledger.deploys
    WHERE is_allowed
    GROUP BY ALL
),
known AS (
    SELECT dataset, day FROM runs
    UNION
    SELECT dataset, day FROM slots
    UNION
    SELECT dataset, day FROM checks
    UNION
    SELECT dataset, day FROM fresh
    UNION
    SELECT dataset, day FROM used
    UNION
    SELECT dataset, day FROM opened
)
SELECT
    known.dataset,
    known.day,
    coalesce(runs.runs, 0) AS runs,
    coalesce(runs.runs_failed, 0) AS runs_failed,
    coalesce(runs.run_seconds, 0) AS run_seconds,
    runs.inputs,
    runs.code_version,
    runs.contract_version,
    coalesce(slots.slots_due, 0) AS slots_due,
    coalesce(slots.slots_met, 0) AS slots_met,
    coalesce(checks.checks, 0) AS checks,
    coalesce(checks.checks_failed, 0) AS checks_failed,
    coalesce(fresh.fresh_seconds, 0) AS fresh_seconds,
    coalesce(fresh.stale_seconds, 0) AS stale_seconds,
    fresh.oldest_seconds,
    coalesce(used.cpu_seconds, 0) AS cpu_seconds,
    CAST(coalesce(used.bytes_written, 0) AS BIGINT) AS bytes_written,
    coalesce(opened.incidents, 0) AS incidents,
    coalesce(deployed.deploys, 0) AS deploys
FROM known
LEFT JOIN runs USING (dataset, day)
LEFT JOIN slots USING (dataset, day)
LEFT JOIN checks USING (dataset, day)
LEFT JOIN fresh USING (dataset, day)
LEFT JOIN used USING (dataset, day)
LEFT JOIN opened USING (dataset, day)
LEFT JOIN deployed USING (day)
WHERE NOT regexp_matches(known.dataset, '^(served\.)?platform\.')
