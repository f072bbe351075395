"""From symptoms to incidents: one for each root cause, with an owner, a runbook and a route."""
