"""SerpAPI: what Google finds, as data."""
