"""What SQL products in the cloud share: requests at checked addresses, a catalogue, a guard and a session."""
