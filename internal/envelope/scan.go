package envelope

// scan is what one pass over a body leaves behind.
type scan struct {
	text
	id      []byte // the value of update_id
	idAt    int    // where it stands; without it, where the body's brace closes
	entries [kindCount]entry
	entered int
	found   values // of the known kind's object walked last
	walked  int    // where that object stands
}

// An entry is a known kind that the body names.
type entry struct {
	kind   *kind
	object int // where its value stands; 0 if that is no object
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

// enter notes the value of a known kind. Entries stand in the order of the
// first keys; their values are the last.
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

// known returns the first known kind that is an object, and where that stands.
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

// stranger returns the first member of a well-formed body that is an object and
// has a name. It is for bodies of which no known kind is an object.
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
