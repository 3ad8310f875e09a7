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
		default:
			i, err = t.scalar(i)
		}
		if err != nil {
			return i, err
		}
		if i, level, objects, err = t.close(i, level, objects); err != nil || level == 0 {
			return i, err
		}
		i = t.space(i + 1)
		if objects&1 != 0 {
			if _, _, i, err = t.key(i); err != nil {
				return i, err
			}
		}
	}
}

// scalar passes over a literal or a number at i.
func (t text) scalar(i int) (int, error) {
	switch t.at(i) {
	case 't':
		return t.literal(i, "true")
	case 'f':
		return t.literal(i, "false")
	case 'n':
		return t.literal(i, "null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return t.number(i)
	default:
		return i, t.fail(i, "expected a value")
	}
}

// close closes the containers that end with the value that ends before i, up to one in which
// a comma follows. level 0 says that there is no such one.
func (t text) close(i, level int, objects uint64) (after, levelNow int, objectsNow uint64, err error) {
	for level > 0 {
		i = t.space(i)
		c := t.at(i)
		switch {
		case c == ',':
			return i, level, objects, nil
		case objects&1 != 0 && c != '}':
			return i, level, objects, t.fail(i, afterMember)
		case objects&1 == 0 && c != ']':
			return i, level, objects, t.fail(i, afterElement)
		}
		i++
		level--
		objects >>= 1
	}
	return i, 0, 0, nil
}
