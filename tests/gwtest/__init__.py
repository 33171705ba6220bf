"""What the Python tests and benchmarks share: a Varlink client, processes, a web server, a plant."""
