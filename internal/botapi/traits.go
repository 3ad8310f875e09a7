package botapi

import (
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
)

// traits says what the survey knows about a type.
type traits struct {
	simple            bool // no value of the type has to be surveyed
	file              bool // it is a file
	marshals          bool // it marshals itself
	marshalsAddressed bool // a pointer to it marshals itself
	reads             bool // it, or a pointer to it, is an io.Reader
	uploads           bool // it may be an upload of the library tgbotapi
	describes         bool // it describes a file that Telegram has, and is not one to send
	hasFile           bool // one of its fields is a file
	fields            []fieldTraits
}

// fieldTraits says what the survey knows about a field that encoding/json encodes.
type fieldTraits struct {
	index               int
	name                string
	skipped             bool // by json:"-"
	omitEmpty, omitZero bool
}

var (
	durationType  = reflect.TypeFor[time.Duration]()
	timeType      = reflect.TypeFor[time.Time]()
	readerType    = reflect.TypeFor[io.Reader]()
	marshalerType = reflect.TypeFor[json.Marshaler]()
	textType      = reflect.TypeFor[encoding.TextMarshaler]()
	uploadType    = reflect.TypeFor[interface{ NeedsUpload() bool }]()
	isZeroType    = reflect.TypeFor[interface{ IsZero() bool }]()
)

func (e *Encoder) traitsOf(t reflect.Type) *traits {
	if known, ok := e.traits.Load(t); ok {
		return known.(*traits)
	}
	found := &traits{file: t == e.file}
	pointer := reflect.PointerTo(t)
	marshals := func(t reflect.Type) bool { return t.Implements(marshalerType) || t.Implements(textType) }
	found.marshals, found.marshalsAddressed = t != timeType && marshals(t), marshals(pointer) && t != timeType
	found.reads = t.Implements(readerType) || pointer.Implements(readerType)
	found.uploads = t.Implements(uploadType)
	switch t.Kind() {
	case reflect.Struct:
		found.fields = fieldsOf(t)
		for _, field := range found.fields {
			found.hasFile = found.hasFile || t.Field(field.index).Type == e.file
			found.describes = found.describes || describes(t.Field(field.index))
		}
	case reflect.Map, reflect.Slice, reflect.Array:
		found.simple = scalar(t.Elem())
	default:
		found.simple = scalar(t)
	}
	found.simple = found.simple && !found.reads && !found.uploads
	e.traits.Store(t, found)
	return found
}

// describes reports whether f is file_unique_id, which every description of a file by Telegram
// has, and no parameter.
func describes(f reflect.StructField) bool {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name == "file_unique_id"
}

// scalar reports whether t is encoded as a number, a text or a bool that Telegram
// understands. A time.Duration is not.
func scalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array, reflect.Interface, reflect.Map, reflect.Pointer, reflect.Slice, reflect.Struct:
		return false
	}
	return t != durationType && !t.Implements(uploadType)
}

func fieldsOf(t reflect.Type) (all []fieldTraits) {
	for i := range t.NumField() {
		f := t.Field(i)
		if !reachable(f) {
			continue
		}
		tag := f.Tag.Get("json")
		_, options, _ := strings.Cut(tag, ",")
		field := fieldTraits{index: i, name: f.Name, skipped: tag == "-"}
		for option := range strings.SplitSeq(options, ",") {
			field.omitEmpty = field.omitEmpty || option == "omitempty"
			field.omitZero = field.omitZero || option == "omitzero"
		}
		all = append(all, field)
	}
	return all
}

// reachable reports whether encoding/json encodes a field. It encodes an embedded struct even
// if its type is not exported.
func reachable(f reflect.StructField) bool {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return f.IsExported() || f.Anonymous && t.Kind() == reflect.Struct
}

// leavesOut reports whether encoding/json leaves out a field with this value.
func (f fieldTraits) leavesOut(v reflect.Value) bool {
	if f.omitZero {
		if v.Type().Implements(isZeroType) && v.CanInterface() && (v.Kind() != reflect.Pointer || !v.IsNil()) {
			return v.Interface().(interface{ IsZero() bool }).IsZero()
		}
		return v.IsZero()
	}
	if !f.omitEmpty {
		return false
	}
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// misfit returns why Telegram would not understand v, which is not a Marshaler.
func (s *survey) misfit(t *traits, v reflect.Value) error {
	typ, name := v.Type(), typeOf(v)
	var problem string
	switch {
	case typ == durationType:
		problem = "is a time.Duration, which JSON has in nanoseconds; give seconds, such as int(d.Seconds())"
	case typ == timeType:
		problem = "is a time.Time, which JSON has as a text; give its Unix()"
	case t.reads && !absent(v):
		problem = fmt.Sprintf("is a %s, a reader, of which JSON has nothing: %s", name, giveFile)
	case t.uploads && v.CanInterface() && !absent(v) && v.Interface().(interface{ NeedsUpload() bool }).NeedsUpload():
		problem = fmt.Sprintf("is a %s, the upload of another library: %s", name, giveFile)
	case t.describes:
		problem = fmt.Sprintf("is a %s, a file as Telegram or another library describes it; give its file_id, or %s", name, giveFile)
	case typ.Kind() == reflect.Struct && typ.NumField() > 0 && len(t.fields) == 0:
		problem = fmt.Sprintf("is a %s, of which JSON has nothing, because it exports no field; give what it stands for", name)
	default:
		return nil
	}
	return &misfit{"", problem}
}

// fileIn returns v as a File.
func (e *Encoder) fileIn(v reflect.Value) File {
	return v.Convert(reflect.TypeFor[File]()).Interface().(File)
}

// typeOf names the type of v, or of the pointer to it if v was reached by one.
func typeOf(v reflect.Value) string {
	if v.CanAddr() {
		return "*" + v.Type().String()
	}
	return v.Type().String()
}

// heldReader names a field of a Marshaler that has a reader. The upload types of other
// libraries have such a field.
func (e *Encoder) heldReader(v reflect.Value) string {
	if v.Kind() != reflect.Struct {
		return ""
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Type != e.file && e.reads(v.Field(i)) {
			return v.Type().Field(i).Name
		}
	}
	return ""
}

// reads reports whether v is a reader, or leads to one.
func (e *Encoder) reads(v reflect.Value) bool {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return false
		}
		v = v.Elem()
	}
	return e.traitsOf(v.Type()).reads && !absent(v)
}

func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice, reflect.Func, reflect.Chan, reflect.Pointer, reflect.Interface:
		return v.IsNil()
	}
	return false
}
