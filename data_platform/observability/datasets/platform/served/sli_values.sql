-- Grain: indicator, subject, partition, moment. Key: sli, subject, partition, measured_at.
SELECT sli, subject, "partition", measured_at, value, good, bad, unknown, provenance, evidence
FROM ledger.sli_values
