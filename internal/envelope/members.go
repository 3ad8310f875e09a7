package envelope

// Members walks the top level of one JSON object: it calls member with each key,
// decoded, and the value as it stands. Both alias data, except for a key that
// had to be decoded. Duplicates are walked like any other member.
//
// An error of member ends the walk and is returned as it is. If the object is
// not well-formed, or nested deeper than MaxDepth, the error is a *SyntaxError;
// it comes after the calls for the members before the offending one.
func Members(data []byte, member func(key, value []byte) error) error {
	t := text(data)
	i, err := t.open()
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		key, escaped, at, err := t.member(i, first)
		if err != nil {
			return err
		}
		if key == nil {
			return t.end(at)
		}
		if i, err = t.skip(at, 1); err != nil {
			return err
		}
		if err := member(decoded(key, escaped), t[at:i:i]); err != nil {
			return err
		}
	}
}
