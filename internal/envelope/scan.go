package envelope

// scan is the state of one pass over a body, and its result.
type scan struct {
	text
	id      []byte // the value of update_id
	idAt    int    // the offset of id; without an id, of the body's closing brace
	entries [kindCount]entry
	entered int
	found   values // of the last object of a known kind
	walked  int    // the offset of that object
}

// An entry is a known kind that is a key of the body.
type entry struct {
	kind   *kind
	object int // the offset of its value; 0 if the value is not an object
}

// body passes over the whole body.
func (s *scan) body() error {
	i, err := s.open()
	if err != nil {
		return err
	}
	var buf [64]byte
	for first := true; ; first = false {
		key, escaped, at, err := s.member(i, first)
		if err != nil {
			return err
		}
		if key == nil {
			if s.id == nil {
				s.idAt = at - 1
			}
			return s.end(at)
		}
		if escaped {
			key = unescape(buf[:0], key)
		}
		if string(key) == "update_id" {
			if i, err = s.skip(at, 1); err != nil {
				return err
			}
			s.id, s.idAt = s.text[at:i], at
			continue
		}
		k := kinds[string(key)]
		switch {
		case k == nil:
			i, err = s.skip(at, 1)
		case s.at(at) != '{':
			s.enter(k, 0)
			i, err = s.skip(at, 1)
		default:
			s.enter(k, at)
			s.found, s.walked = values{}, at
			i, err = s.walk(at, 1, &k.paths, &s.found)
		}
		if err != nil {
			return err
		}
	}
}

// enter records the value of a known kind. If a kind comes twice, its entry keeps the
// place of the first key and has the value of the last.
func (s *scan) enter(k *kind, object int) {
	for n := range s.entries[:s.entered] {
		if s.entries[n].kind == k {
			s.entries[n].object = object
			return
		}
	}
	s.entries[s.entered] = entry{k, object}
	s.entered++
}

// known returns the first known kind whose value is an object, and the object's offset.
func (s *scan) known() (*kind, int) {
	for _, e := range s.entries[:s.entered] {
		if e.object > 0 {
			return e.kind, e.object
		}
	}
	return nil, 0
}

func (s *scan) updateID() (int64, error) {
	if s.id == nil {
		return 0, &SyntaxError{Offset: s.idAt, Msg: "update_id is missing"}
	}
	id, ok := integer(s.id)
	if !ok {
		return 0, &SyntaxError{Offset: s.idAt, Msg: "update_id is not an integer of 64 bits"}
	}
	return id, nil
}

// stranger returns the first member of a well-formed body that has a name and whose value
// is an object. It serves bodies that have no object of a known kind.
func stranger(data []byte) (name string, object []byte) {
	var names []string
	last := make(map[string][]byte)
	_ = Members(data, func(key, value []byte) error {
		if _, met := last[string(key)]; !met {
			names = append(names, string(key))
		}
		last[string(key)] = value
		return nil
	})
	for _, name := range names {
		if name != "" && name != "update_id" && last[name][0] == '{' {
			return name, last[name]
		}
	}
	return "", nil
}
