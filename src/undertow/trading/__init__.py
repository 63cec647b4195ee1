"""The live loop: makers on live feeds, paper matching, order management, risk, journal, recorder."""
