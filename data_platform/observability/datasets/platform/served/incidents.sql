-- Grain: incident. Key: incident_id.
SELECT incident_id, cause, alert, severity, state, title, dataset, domain, owner, began_at, detected_at,
    acknowledged_at, mitigated_at, resolved_at
FROM ledger.incidents
