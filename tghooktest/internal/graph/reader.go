package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"reflect"
	"slices"
	"time"
)

// Load sets root, a pointer to a struct, from the records, and returns its graph. Fields of root that the records do not have stay as they are. root may refer
// to the bytes of the records from then on.
func Load(records map[string][]byte, root any) (*Graph, error) {
	g, err := New(root)
	if err != nil {
		return nil, err
	}
	r := reader{graph: g, records: records, made: map[uint64]reflect.Value{}}
	r.make(rootID, g.root.Addr())
	for len(r.queue) > 0 {
		next := r.queue[len(r.queue)-1]
		r.queue = r.queue[:len(r.queue)-1]
		if err := r.read(next, r.made[next]); err != nil {
			return nil, fmt.Errorf("tghooktest: the state is damaged: record %s: %w", recordKey(next), err)
		}
	}
	r.rest()
	return g, nil
}

// rest counts the records that nothing refers to any more, so that the next Changes deletes
// them.
func (r *reader) rest() {
	g := r.graph
	for key, stored := range r.records {
		id := idOf(key)
		g.last = max(g.last, id)
		if _, known := g.kept[id]; id != 0 && !known {
			g.kept[id] = record{pieces: listed(stored)}
		}
	}
	g.pieces = piecesOf(g.kept)
}

// reader makes values from records.
type reader struct {
	graph   *Graph
	records map[string][]byte
	made    map[uint64]reflect.Value // pointers, maps and slices that refer to the values
	queue   []uint64                 // values that were made, and not read
	in      []byte                   // what is left of the record
}

var (
	errEnds  = errors.New("it ends too early")
	errOther = errors.New("it has a value of another type than this version")
)

// make registers the value to which v refers, and queues its record.
func (r *reader) make(id uint64, v reflect.Value) {
	r.made[id] = v
	r.queue = append(r.queue, id)
	if id != rootID {
		r.graph.ids[place{v.UnsafePointer(), v.Type(), 0}] = id
	}
}

// read sets the value to which v refers from its record.
func (r *reader) read(id uint64, v reflect.Value) error {
	var err error
	stored := r.records[recordKey(id)]
	if r.in, err = r.joined(stored); err != nil {
		return err
	}
	r.graph.kept[id] = record{sum: maphash.Bytes(r.graph.seed, r.in), pieces: listed(stored)}
	if v.Kind() == reflect.Map {
		err = r.entries(v)
	} else {
		err = r.value(v.Elem())
	}
	if err == nil && len(r.in) > 0 {
		err = errors.New("it has more than one value")
	}
	return err
}

// listed returns the pieces of a record; nil if it is in one piece.
func listed(stored []byte) (ids []pieceID) {
	if len(stored) == 0 || stored[0] != inPieces {
		return nil
	}
	for list := stored[1:]; len(list) >= len(pieceID{}); list = list[len(pieceID{}):] {
		ids = append(ids, pieceID(list))
	}
	return ids
}

// joined returns the value that was stored, whole or in pieces.
func (r *reader) joined(stored []byte) ([]byte, error) {
	switch {
	case len(stored) == 0:
		return nil, errors.New("it is missing")
	case stored[0] == whole:
		return stored[1:], nil
	case stored[0] != inPieces:
		return nil, errors.New("it has an unknown form")
	}
	var all []byte
	for _, id := range listed(stored) {
		piece := r.records[id.key()]
		if piece == nil {
			return nil, fmt.Errorf("its piece %s is missing", id.key())
		}
		all = append(all, piece...)
	}
	return all, nil
}

// value sets v from the next item.
func (r *reader) value(v reflect.Value) error {
	i, err := r.item()
	if err != nil {
		return err
	}
	switch v.Kind() {
	case reflect.String:
		return r.text(v, i)
	case reflect.Struct:
		return r.structure(v, i)
	case reflect.Array:
		if i.kind != itemArray || i.n != uint64(v.Len()) { //nolint:gosec // a length is not negative
			return errOther
		}
		return r.elements(v)
	case reflect.Slice:
		return r.slice(v, i)
	case reflect.Pointer, reflect.Map:
		return r.reference(v, i)
	default:
		return scalar(v, i)
	}
}

// scalar sets a number or a bool.
func scalar(v reflect.Value, i item) error {
	number := int64(i.n) //nolint:gosec // CanInt below excludes what is too large
	if i.kind == itemNegative {
		number = ^number
	}
	isInt := (i.kind == itemUint || i.kind == itemNegative) && i.n <= math.MaxInt64
	switch {
	case v.CanInt() && isInt && !v.OverflowInt(number):
		v.SetInt(number)
	case v.CanUint() && i.kind == itemUint && !v.OverflowUint(i.n):
		v.SetUint(i.n)
	case v.CanFloat() && i.kind == itemFloat:
		v.SetFloat(math.Float64frombits(i.n))
	case v.Kind() == reflect.Bool && (i.kind == itemTrue || i.kind == itemFalse):
		v.SetBool(i.kind == itemTrue)
	default:
		return errOther
	}
	return nil
}

func (r *reader) text(v reflect.Value, i item) error {
	if i.kind != itemText && i.kind != itemBytes {
		return errOther
	}
	text, err := r.take(i.n)
	v.SetString(string(text))
	return err
}

// slice sets a slice. A long []byte is that of its record.
func (r *reader) slice(v reflect.Value, i item) error {
	ofBytes := isBytes(v.Type())
	switch {
	case i.kind == itemNull:
		v.SetZero()
		return nil
	case ofBytes && i.kind == itemBytes:
		content, err := r.take(i.n)
		v.SetBytes(append([]byte{}, content...))
		return err
	case ofBytes && i.kind == itemUint:
		return r.content(v, i.n)
	case ofBytes || i.kind != itemArray:
		return errOther
	case i.n > uint64(len(r.in)): // each element has a byte at least
		return errEnds
	}
	v.Set(reflect.MakeSlice(v.Type(), int(i.n), int(i.n))) //nolint:gosec // checked above
	return r.elements(v)
}

// content sets a long []byte.
func (r *reader) content(v reflect.Value, id uint64) error {
	content := r.records[recordKey(id)]
	if len(content) < longBytes {
		return fmt.Errorf("the content %s is missing", recordKey(id))
	}
	v.SetBytes(content)
	r.graph.ids[place{v.UnsafePointer(), v.Type(), v.Len()}] = id
	r.graph.kept[id] = record{}
	return nil
}

// reference sets a pointer or a map to the value with the id, which is read later.
func (r *reader) reference(v reflect.Value, i item) error {
	if i.kind == itemNull {
		v.SetZero()
		return nil
	}
	if i.kind != itemUint {
		return errOther
	}
	made, known := r.made[i.n]
	switch {
	case known:
	case v.Kind() == reflect.Map:
		made = reflect.MakeMap(v.Type())
		r.make(i.n, made)
	default:
		made = reflect.New(v.Type().Elem())
		r.make(i.n, made)
	}
	if made.Type() != v.Type() {
		return errOther
	}
	v.Set(made)
	return nil
}

func (r *reader) elements(v reflect.Value) error {
	for i := range v.Len() {
		if err := r.value(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// structure sets the fields of a struct. It skips those that the type lacks.
func (r *reader) structure(v reflect.Value, i item) error {
	if v.Type() == timeType {
		var at time.Time
		encoded, err := r.take(i.n)
		if err == nil {
			err = at.UnmarshalBinary(encoded)
		}
		v.Set(reflect.ValueOf(at))
		return err
	}
	if i.kind != itemMap {
		return errOther
	}
	fields := r.graph.types[v.Type()]
	var name string
	for range i.n {
		if err := r.value(reflect.ValueOf(&name).Elem()); err != nil {
			return err
		}
		at := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if at < 0 {
			if err := r.skip(); err != nil {
				return err
			}
			continue
		}
		if err := r.value(open(v.Field(fields[at].index))); err != nil {
			return fmt.Errorf("%s.%s: %w", v.Type().Name(), name, err)
		}
	}
	return nil
}

// entries reads the entries of a map.
func (r *reader) entries(v reflect.Value) error {
	i, err := r.item()
	switch {
	case err != nil:
		return err
	case i.kind != itemMap:
		return errOther
	}
	for range i.n {
		key, element := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		if err := r.value(key); err != nil {
			return err
		}
		if err := r.value(element); err != nil {
			return err
		}
		v.SetMapIndex(key, element)
	}
	return nil
}

// skip passes over the next item.
func (r *reader) skip() error {
	left := uint64(1) // items
	for ; left > 0; left-- {
		i, err := r.item()
		if err != nil {
			return err
		}
		switch i.kind {
		case itemBytes, itemText:
			_, err = r.take(i.n)
		case itemMap:
			i.n *= 2
			fallthrough
		case itemArray:
			if left += i.n; i.n > uint64(len(r.in)) { // each item has a byte at least
				err = errEnds
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// item is the head of an item of CBOR.
type item struct {
	kind byte // one of the constants
	n    uint64
}

// item reads the next head.
func (r *reader) item() (item, error) {
	first, err := r.take(1)
	if err != nil {
		return item{}, err
	}
	i, info := item{kind: first[0] &^ 31, n: uint64(first[0] & 31)}, first[0]&31
	if i.kind == itemOther {
		i.kind = first[0]
	}
	switch {
	case info < 24:
		return i, nil
	case info > 27:
		return i, errors.New("it is not CBOR")
	}
	more, err := r.take(1 << (info - 24))
	var whole [8]byte
	copy(whole[8-len(more):], more)
	i.n = binary.BigEndian.Uint64(whole[:])
	return i, err
}

// take returns the next n bytes.
func (r *reader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.in)) {
		return nil, errEnds
	}
	taken := r.in[:n]
	r.in = r.in[n:]
	return taken, nil
}
