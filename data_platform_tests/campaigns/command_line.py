"""The command line as a process, where the package is not installed: `python -m …command_line ingest start`."""

from data_platform.cli.main import main

if __name__ == "__main__":
    main()
