-- Grain: dataset and deadline. Key: dataset, due_at.
SELECT dataset, due_at, judged_at, outcome, run_id, partitions_due, partitions_met, detail
FROM ledger.run_slots
