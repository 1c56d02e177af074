"""Everything that depends on private parts of Ray, behind one off switch (`switch.is_plain`)."""
