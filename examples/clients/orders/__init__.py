"""What both consumers share: the state, its HTTP side, and the settings. Nothing in here knows a client library."""
