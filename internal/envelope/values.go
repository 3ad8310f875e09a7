package envelope

// values has the JSON values that a kind's paths lead to.
type values [slots][]byte

// values walks a kind's object. The body must be well-formed.
func (t text) values(i int, paths *node) (found values) {
	_, _ = t.walk(i, 1, paths, &found)
	return found
}

// walk reads the object at i, which depth containers enclose, and keeps the values at the
// paths of n. A duplicate key discards the values of the earlier one, because the last one
// applies.
func (t text) walk(i, depth int, n *node, found *values) (int, error) {
	i++
	var buf [64]byte
	for first := true; ; first = false {
		key, escaped, at, err := t.member(i, first)
		if err != nil || key == nil {
			return at, err
		}
		if escaped {
			key = unescape(buf[:0], key)
		}
		child := n.child(key)
		switch {
		case child == nil:
			i, err = t.skip(at, depth+1)
		case child.children == nil:
			i, err = t.skip(at, depth+1)
			found[child.slots[0]] = t[at:i]
		default:
			for _, s := range child.slots {
				found[s] = nil
			}
			if t.at(at) == '{' {
				i, err = t.walk(at, depth+1, child, found)
			} else {
				i, err = t.skip(at, depth+1)
			}
		}
		if err != nil {
			return i, err
		}
	}
}

// envelope returns the values as an Envelope.
func (v *values) envelope(id int64, kind string) Envelope {
	e := Envelope{ID: id, Kind: kind}
	e.ChatID, _ = integer(v[chat])
	e.UserID, _ = integer(v[user])
	if e.UserID == 0 {
		e.UserID, _ = integer(v[orUser])
	}
	e.Date, _ = integer(v[date])
	if e.Date == 0 {
		e.Date, _ = integer(v[orDate])
	}
	e.ThreadID, _ = integer(v[thread])
	e.PollID, e.AlbumID = quoted(v[poll]), quoted(v[album])
	return e
}

// quoted returns the bytes between the quotes of a JSON string, or nil if value is not one.
func quoted(value []byte) []byte {
	if len(value) == 0 || value[0] != '"' {
		return nil
	}
	return value[1 : len(value)-1 : len(value)-1]
}
