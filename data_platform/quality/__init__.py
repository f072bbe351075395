"""Quality: a contract's rules as SQL fates, as a Pandera audit and as table checks, and the verdicts they give."""
