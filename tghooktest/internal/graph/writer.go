package graph

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"
	"unsafe"
)

// The kinds of items in CBOR.
const (
	itemUint = iota << 5
	itemNegative
	itemBytes
	itemText
	itemArray
	itemMap
	_
	itemOther
)

const (
	itemFalse = itemOther | 20
	itemTrue  = itemOther | 21
	itemNull  = itemOther | 22
	itemFloat = itemOther | 27
)

// longBytes is the length from which a []byte has a record of its own.
const longBytes = 1 << 10

// writer encodes values. It collects those that they refer to.
type writer struct {
	graph   *Graph
	reached map[place]uint64
	queue   []reached
	out     []byte
}

// reached is a value that was reached, and that has a record of its own.
type reached struct {
	id    uint64
	value reflect.Value // what the pointer refers to, or the map or slice itself
}

// reach returns the id of a value, and queues it when it is reached for the first time.
func (w *writer) reach(at place, value reflect.Value) uint64 {
	id, known := w.reached[at]
	if known {
		return id
	}
	if id, known = w.graph.ids[at]; !known {
		w.graph.last++
		id = w.graph.last
	}
	w.reached[at] = id
	w.queue = append(w.queue, reached{id, value})
	return id
}

// record appends the record of a value.
func (w *writer) record(v reflect.Value, root bool) error {
	switch {
	case root: // its fields may have a value before they are read
		return w.structure(v, true)
	case v.Kind() == reflect.Map:
		return w.entries(v)
	default:
		return w.value(v)
	}
}

// value appends an addressable value. It is told from a value of another type by its place
// alone.
func (w *writer) value(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Bool:
		w.out = append(w.out, itemFalse)
		if v.Bool() {
			w.out[len(w.out)-1] = itemTrue
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n := v.Int(); n >= 0 {
			w.head(itemUint, uint64(n))
		} else {
			w.head(itemNegative, uint64(^n)) //nolint:gosec // -1 is 0, and so on
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.head(itemUint, v.Uint())
	case reflect.Float32, reflect.Float64:
		w.out = binary.BigEndian.AppendUint64(append(w.out, itemFloat), math.Float64bits(v.Float()))
	case reflect.String:
		w.text(v.String())
	case reflect.Array:
		return w.elements(v)
	case reflect.Struct:
		return w.structure(v, false)
	default:
		return w.reference(v)
	}
	return nil
}

// reference appends a pointer, a map or a slice.
func (w *writer) reference(v reflect.Value) error {
	switch {
	case v.IsNil():
		w.out = append(w.out, itemNull)
	case v.Kind() == reflect.Pointer:
		w.head(itemUint, w.reach(place{v.UnsafePointer(), v.Type(), 0}, v.Elem()))
	case v.Kind() == reflect.Map:
		w.head(itemUint, w.reach(place{v.UnsafePointer(), v.Type(), 0}, reflect.ValueOf(v.Interface()))) // v may be set to another one
	case !isBytes(v.Type()):
		return w.elements(v)
	case v.Len() < longBytes:
		w.head(itemBytes, uint64(v.Len())) //nolint:gosec // a length is not negative
		w.out = append(w.out, v.Bytes()...)
	default:
		w.head(itemUint, w.reach(place{v.UnsafePointer(), v.Type(), v.Len()}, reflect.ValueOf(v.Interface())))
	}
	return nil
}

func (w *writer) elements(v reflect.Value) error {
	w.head(itemArray, uint64(v.Len())) //nolint:gosec // a length is not negative
	for i := range v.Len() {
		if err := w.value(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// structure appends the fields of a struct: all of them, or those that are not zero.
func (w *writer) structure(v reflect.Value, all bool) error {
	if v.Type() == timeType {
		encoded, err := v.Interface().(time.Time).MarshalBinary()
		w.head(itemBytes, uint64(len(encoded)))
		w.out = append(w.out, encoded...)
		return err
	}
	fields, at := w.graph.types[v.Type()], v.Addr().UnsafePointer()
	n := uint64(0)
	for i := range fields {
		if all || !fields[i].empty(at) {
			n++
		}
	}
	w.head(itemMap, n)
	for i := range fields {
		if f := &fields[i]; all || !f.empty(at) {
			w.text(f.name)
			if err := w.value(open(v.Field(f.index))); err != nil {
				return err
			}
		}
	}
	return nil
}

// entries appends a map, in the order of the encoded keys.
func (w *writer) entries(v reflect.Value) error {
	before := w.out
	w.out = nil
	all := make([][]byte, 0, v.Len())
	key, element := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
	for entries := v.MapRange(); entries.Next(); {
		key.SetIterKey(entries)
		element.SetIterValue(entries)
		start := len(w.out)
		if err := w.value(key); err != nil {
			return err
		}
		if err := w.value(element); err != nil {
			return err
		}
		all = append(all, w.out[start:len(w.out):len(w.out)])
	}
	w.out = before
	slices.SortFunc(all, bytes.Compare)
	w.head(itemMap, uint64(len(all)))
	for _, entry := range all {
		w.out = append(w.out, entry...)
	}
	return nil
}

func (w *writer) text(s string) {
	kind := byte(itemText)
	if !utf8.ValidString(s) { // a text must be valid in CBOR
		kind = itemBytes
	}
	w.head(kind, uint64(len(s)))
	w.out = append(w.out, s...)
}

// head appends the head of an item.
func (w *writer) head(kind byte, n uint64) {
	switch {
	case n < 24:
		w.out = append(w.out, kind|byte(n))
	case n <= math.MaxUint8:
		w.out = append(w.out, kind|24, byte(n))
	case n <= math.MaxUint16:
		w.out = binary.BigEndian.AppendUint16(append(w.out, kind|25), uint16(n))
	case n <= math.MaxUint32:
		w.out = binary.BigEndian.AppendUint32(append(w.out, kind|26), uint32(n))
	default:
		w.out = binary.BigEndian.AppendUint64(append(w.out, kind|27), n)
	}
}

// open returns an addressable value, which may be an unexported field, without reflect's
// guard of those.
func open(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem() //nolint:gosec // of a value that lives
}
