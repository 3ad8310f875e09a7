package envelope

// skip passes over the value at i, which depth containers enclose.
//
// It loops rather than recurses: the containers open within the value are the
// low bits of one word. Only where that word is full does it call itself, for
// what lies deeper.
func (t text) skip(i, depth int) (int, error) {
	var (
		objects uint64 // a bit for each open container, the innermost lowest; set if it is an object
		level   int    // how many are open
		err     error
	)
	for {
		switch c := t.at(i); c {
		case '"':
			i, _, err = t.str(i + 1)
		case '{', '[':
			if level == 64 {
				i, err = t.skip(i, depth+level)
				break
			}
			if depth+level == MaxDepth {
				return i, tooDeep(i)
			}
			i = t.space(i + 1)
			if t.at(i) == c+2 { // '{' and '}', '[' and ']' are two apart
				i++
				break
			}
			level++
			objects <<= 1
			if c == '{' {
				objects |= 1
				if _, _, i, err = t.key(i); err != nil {
					return i, err
				}
			}
			continue
		case 't':
			i, err = t.literal(i, "true")
		case 'f':
			i, err = t.literal(i, "false")
		case 'n':
			i, err = t.literal(i, "null")
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			i, err = t.number(i)
		default:
			return i, t.fail(i, "expected a value")
		}
		if err != nil {
			return i, err
		}
		// A value ends before i: close what ends with it.
		for {
			if level == 0 {
				return i, nil
			}
			i = t.space(i)
			c := t.at(i)
			if c == ',' {
				break
			}
			if objects&1 != 0 && c != '}' {
				return i, t.fail(i, afterMember)
			}
			if objects&1 == 0 && c != ']' {
				return i, t.fail(i, afterElement)
			}
			i++
			level--
			objects >>= 1
		}
		i = t.space(i + 1)
		if objects&1 != 0 {
			if _, _, i, err = t.key(i); err != nil {
				return i, err
			}
		}
	}
}
