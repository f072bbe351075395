"""The only writer of tables: stage, audit, commit, record; and the recovery that derives records from commits again."""
