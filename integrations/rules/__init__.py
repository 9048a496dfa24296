"""Pure rules of the integration layer."""
