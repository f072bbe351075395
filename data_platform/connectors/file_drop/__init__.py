"""`file_drop`: files in local folders and below S3 prefixes."""
