"""`rest_pull` and `sql_table`: records asked for page by page, by cursor."""
