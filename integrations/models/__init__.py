"""Records of the external services: connections and what arrived from them."""
