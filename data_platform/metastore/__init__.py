"""The control-plane database: tables, migrations and small repositories. Business rules live in the parts that ask."""
