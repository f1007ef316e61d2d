"""The static structure of a configuration, its descriptors and its inherent structure: pure functions of arrays."""
