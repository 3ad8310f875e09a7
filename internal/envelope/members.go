package envelope

// maxOuterDepth is how deep the values of Members and Elements may nest. Together with the
// outer container that makes the 10,000 levels of encoding/json. The limit is not MaxDepth,
// because one update that nests too deep must not hide the updates beside it in an answer of
// getUpdates. Scan refuses such an update.
const maxOuterDepth = 9_999

// Members calls member with each key, decoded, and each value of one JSON object, but not of
// the objects within. Both alias data, except a key that had to be decoded. Members calls
// member for duplicate keys too.
//
// If member returns an error, Members returns it and stops. If the object is not
// well-formed, or nests deeper than encoding/json allows, the error is a *SyntaxError.
// Members has then called member for the members before the mistake.
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

// Elements calls element with each value of one JSON array. The value aliases data. If data
// is not one array, or nests too deep as for Members, the error is a *SyntaxError.
// Elements has then called element for the elements before the mistake.
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
