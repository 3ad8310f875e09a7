package envelope

// maxOuterDepth bounds how deep the values of Members and Elements nest, so that the
// whole has the 10,000 levels of encoding/json: an update that is nested too deep is
// found out by Scan, and is not to hide those beside it.
const maxOuterDepth = 9_999

// Members walks the top level of one JSON object: it calls member with each key,
// decoded, and the value as it stands. Both alias data, except for a key that
// had to be decoded. Duplicates are walked like any other member.
//
// An error of member ends the walk and is returned as it is. If the object is
// not well-formed, or nested deeper than encoding/json allows, the error is a
// *SyntaxError; it comes after the calls for the members before the offending one.
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
		if i, err = t.skip(at, MaxDepth-maxOuterDepth); err != nil {
			return err
		}
		if err := member(decoded(key, escaped), t[at:i:i]); err != nil {
			return err
		}
	}
}

// Elements calls element with each value of one JSON array, as it stands: it aliases
// data. If data is no such array, or nested too deep as for Members, the error is a
// *SyntaxError; it comes after the calls for the elements before the offending one.
func Elements(data []byte, element func(value []byte)) error {
	t := text(data)
	i := t.space(0)
	if t.at(i) != '[' {
		return t.fail(i, "expected an array")
	}
	if i = t.space(i + 1); t.at(i) == ']' {
		return t.end(i + 1)
	}
	for {
		end, err := t.skip(i, MaxDepth-maxOuterDepth)
		if err != nil {
			return err
		}
		element(t[i:end:end])
		switch i = t.space(end); t.at(i) {
		case ',':
			i = t.space(i + 1)
		case ']':
			return t.end(i + 1)
		default:
			return t.fail(i, afterElement)
		}
	}
}
