package envelope

// skip returns the offset behind the value at i. depth is how many containers enclose it.
//
// skip loops and does not recurse: open has the containers that are open within the value.
// If open is full, skip calls itself for the deeper ones.
func (t text) skip(i, depth int) (int, error) {
	var (
		open containers
		err  error
	)
	for {
		if open.inObject() {
			if _, _, i, err = t.key(i); err != nil {
				return i, err
			}
		}
		switch c := t.at(i); c {
		case '"':
			i, _, err = t.str(i + 1)
		case '{', '[':
			if open.level == maxOpen {
				i, err = t.skip(i, depth+maxOpen)
				break
			}
			if depth+open.level == MaxDepth {
				return i, tooDeep(i)
			}
			i = t.space(i + 1)
			if t.at(i) != c+2 { // '{' and '}', '[' and ']' are two apart
				open.push(c)
				continue
			}
			i++
		default:
			i, err = t.scalar(i, c)
		}
		if err != nil {
			return i, err
		}
		// A value ends before i. Close the containers that end with it.
		for {
			if open.level == 0 {
				return i, nil
			}
			i = t.space(i)
			c := t.at(i)
			if c == ',' {
				break
			}
			if c != open.bracket() {
				return i, t.fail(i, open.expected())
			}
			i++
			open.pop()
		}
		i = t.space(i + 1)
	}
}

// scalar passes over a value that begins with c, and is neither a string nor a
// container.
func (t text) scalar(i int, c byte) (int, error) {
	switch c {
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

// maxOpen is how many containers fit into a containers value.
const maxOpen = 64

// containers are the arrays and objects that are open at one offset of a text.
type containers struct {
	objects uint64 // a bit for each container, the innermost lowest; it is set for an object
	level   int    // how many containers are open
}

// push opens the container that begins with c.
func (o *containers) push(c byte) {
	o.objects = o.objects<<1 | uint64(c>>5&1) // '{' and '}' have this bit, '[' and ']' do not
	o.level++
}

// pop closes the innermost container.
func (o *containers) pop() {
	o.objects >>= 1
	o.level--
}

// inObject reports whether the innermost container is an object.
func (o *containers) inObject() bool { return o.objects&1 != 0 }

// bracket returns the bracket that ends the innermost container.
func (o *containers) bracket() byte { return ']' | byte(o.objects&1)<<5 }

// expected says what may follow a value of the innermost container.
func (o *containers) expected() string {
	if o.inObject() {
		return afterMember
	}
	return afterElement
}
