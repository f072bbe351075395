-- Grain: objective. Key: objective.
SELECT objective, sli, subject, owner, is_critical, target, window_seconds, state, ratio, budget_left, evaluated_at
FROM ledger.objectives
