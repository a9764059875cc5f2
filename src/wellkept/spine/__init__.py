"""Where the two loops meet: topology, stream, gate, durable runs, audit."""
