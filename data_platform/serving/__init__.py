"""The HTTP skin: the endpoint that collects pushed events. Logic lives below; nothing else imports FastAPI."""
