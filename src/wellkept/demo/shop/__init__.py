"""The shop: small services, one file each, as a team would write them. They know nothing of the platform but OTLP."""
