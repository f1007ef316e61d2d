"""The static structure of a configuration, and what describes it: pure functions of arrays."""
