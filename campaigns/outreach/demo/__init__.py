"""The demo: the platform's own processes, the sandbox as the world outside, and one campaign from a CSV file to delivered."""
