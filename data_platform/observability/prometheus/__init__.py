"""The platform for Prometheus and Grafana: one exposition, its catalogue, rules and dashboards."""
