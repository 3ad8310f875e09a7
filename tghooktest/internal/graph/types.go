package graph

import (
	"fmt"
	"reflect"
	"time"
	"unsafe"
)

// types has the fields of the structs of a graph.
type types map[reflect.Type][]field

// field is a field that is kept.
type field struct {
	name   string
	index  int
	offset uintptr
	words  uintptr // how many uint64 it consists of; 0 if it is shorter
	bytes  uintptr // behind the words
}

var timeType = reflect.TypeFor[time.Time]()

// add checks a type and all that its values refer to. where says where it was found.
func (t types) add(typ reflect.Type, where string) error {
	switch typ.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return nil
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return t.add(typ.Elem(), where)
	case reflect.Map:
		if err := t.add(typ.Key(), where); err != nil {
			return err
		}
		return t.add(typ.Elem(), where)
	case reflect.Struct:
		return t.addStruct(typ)
	default:
		return fmt.Errorf("tghooktest: %s: values of the type %v cannot be kept; keep what it can be made from", where, typ)
	}
}

func (t types) addStruct(typ reflect.Type) error {
	if _, known := t[typ]; known || typ == timeType {
		return nil
	}
	t[typ] = nil
	var fields []field
	for i := range typ.NumField() {
		f := typ.Field(i)
		where := typ.Name() + "." + f.Name
		if err := t.add(f.Type, where); err != nil {
			return err
		}
		fields = append(fields, fieldOf(f, i))
	}
	t[typ] = fields
	return nil
}

// isBytes reports whether values of the type are kept as bytes.
func isBytes(typ reflect.Type) bool {
	return typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Uint8
}

// fieldOf returns the field at the index. Of a string, only the length counts.
func fieldOf(f reflect.StructField, index int) field {
	offset, size := f.Offset, f.Type.Size()
	if f.Type.Kind() == reflect.String {
		offset, size = offset+size/2, size/2
	}
	if offset%unsafe.Alignof(uint64(0)) != 0 {
		return field{f.Name, index, offset, 0, size}
	}
	return field{f.Name, index, offset, size / 8, size % 8}
}

// empty reports whether the field is zero in the struct at that place. It is what most time
// goes into, so it does without reflect.
func (f *field) empty(at unsafe.Pointer) bool {
	at = unsafe.Add(at, f.offset)
	for i := range f.words {
		if *(*uint64)(unsafe.Add(at, i*8)) != 0 {
			return false
		}
	}
	for i := range f.bytes {
		if *(*byte)(unsafe.Add(at, f.words*8+i)) != 0 {
			return false
		}
	}
	return true
}
