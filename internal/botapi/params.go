package botapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"
)

// Encoder encodes the parameters of calls as the body of a request. It is safe for
// concurrent use.
type Encoder struct {
	file   reflect.Type // it converts to File
	traits sync.Map     // *traits by reflect.Type; the number of types in a program bounds it
}

// NewEncoder returns an Encoder that uploads values of F.
func NewEncoder[F ~struct {
	Name string
	Body io.Reader
}]() *Encoder {
	return &Encoder{file: reflect.TypeFor[F]()}
}

// Encode returns the body of a call, with its files. The error is a *[ReadError] if a
// file could not be read. Then another attempt may succeed. After any other error the call can
// never be sent.
func (e *Encoder) Encode(method string, params any) ([]byte, error) {
	encoded, files, err := e.prepare(method, params)
	if err != nil {
		return nil, err
	}
	if files == nil {
		return JSON(method, encoded)
	}
	m, err := encodeMultipart(method, encoded, files)
	if err != nil {
		return nil, err
	}
	return m.bytes()
}

// Message returns a call in the form in which it is sent. Its files are not read yet.
func (e *Encoder) Message(method string, params any) (*Message, error) {
	encoded, files, err := e.prepare(method, params)
	if err != nil {
		return nil, err
	}
	if files != nil {
		return encodeMultipart(method, encoded, files)
	}
	body, err := JSON(method, encoded)
	if err != nil {
		return nil, err
	}
	return NewMessage(body), nil
}

// prepare encodes given as JSON. files has the files in it, by reference; nil if there are
// none.
func (e *Encoder) prepare(method string, given any) (params []byte, files map[string]File, err error) {
	if err := CheckMethod(method); err != nil {
		return nil, nil, err
	}
	if given == nil {
		return []byte("{}"), nil, nil
	}
	found, err := e.surveyed(given)
	if err != nil {
		return nil, nil, err
	}
	if params, err = json.Marshal(given); err != nil {
		return nil, nil, fmt.Errorf("encode Params: %w", err)
	}
	if string(params) == "null" { // a nil of some type
		return []byte("{}"), nil, nil
	}
	if params[0] != '{' {
		return nil, nil, fmt.Errorf("encode Params: a %T is not a JSON object", given)
	}
	if !bytes.Contains(params, []byte(attachPrefix)) {
		return params, nil, nil
	}
	if params, err = withoutZero(params, found.zero); err != nil || !bytes.Contains(params, []byte(attachPrefix)) {
		return params, nil, err
	}
	if found.files == nil {
		found.files = map[string]File{}
	}
	return params, found.files, nil
}

// survey walks over Params as encoding/json does. It finds the files, and the values whose
// JSON would mislead Telegram: encoding/json makes {} of a reader, and a number of nanoseconds
// of a time.Duration.
type survey struct {
	encoder *Encoder

	files map[string]File // by reference
	zero  int             // how many zero files omitempty leaves out
	seen  map[visit]bool  // the values in a Marshaler that were visited, because there may be a cycle
}

type visit struct {
	at     uintptr
	length int // the length of a slice
	typ    reflect.Type
}

// maxDepth is the depth at which encoding/json begins to look for cycles. It reports the
// cycles itself.
const maxDepth = 1000

var errTooDeep = errors.New("nested too deep")

// surveyed walks over params before they are encoded. An error names the field.
func (e *Encoder) surveyed(params any) (survey, error) {
	s := survey{encoder: e}
	if fields, ok := params.(map[string]any); ok && plain(fields) {
		return s, nil
	}
	err := s.value(reflect.ValueOf(params), 0)
	if errors.Is(err, errTooDeep) {
		err = nil // json.Marshal returns the error
	}
	return s, err
}

// plain reports whether all values have a type that needs no survey, as in most replies.
func plain(fields map[string]any) bool {
	for _, value := range fields {
		switch value.(type) {
		case string, int, int64, bool, float64, nil, json.RawMessage:
		default:
			return false
		}
	}
	return true
}

// misfit says why Telegram would not understand a value in Params. Its text begins with
// the path of the value.
type misfit struct {
	path    string // the path after "Params"
	problem string
}

func (e *misfit) Error() string { return "Params" + e.path + " " + e.problem }

// under puts a step in front of the path of a misfit.
func under(step string, err error) error {
	if wrong, ok := err.(*misfit); ok { //nolint:errorlint // it is made here
		wrong.path = step + wrong.path
	}
	return err
}

// value surveys v and the values in it.
func (s *survey) value(v reflect.Value, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	depth++
	switch v.Kind() {
	case reflect.Invalid:
		return nil
	case reflect.Interface, reflect.Pointer:
		return s.value(v.Elem(), depth)
	}
	t := s.encoder.traitsOf(v.Type())
	if t.simple {
		return nil
	}
	if t.file {
		return s.file(s.encoder.fileIn(v))
	}
	if t.marshals || t.marshalsAddressed && v.CanAddr() {
		return s.hidden(v)
	}
	if err := s.misfit(t, v); err != nil {
		return err
	}
	return s.elements(v, t, depth)
}

const giveFile = "give a tghook.File{Name: ..., Body: ...} in its place"

func (s *survey) file(f File) error {
	ref, err := f.reference()
	if err != nil {
		return &misfit{"", "is a File that cannot be sent: " + err.Error()}
	}
	s.add(ref, f)
	return nil
}

func (s *survey) add(ref string, f File) {
	if s.files == nil {
		s.files = map[string]File{}
	}
	s.files[ref] = f
}

func (s *survey) elements(v reflect.Value, t *traits, depth int) error {
	switch v.Kind() {
	case reflect.Map:
		for entry := v.MapRange(); entry.Next(); {
			if err := s.value(entry.Value(), depth); err != nil {
				return under(fmt.Sprintf("[%q]", entry.Key()), err)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := s.value(v.Index(i), depth); err != nil {
				return under(fmt.Sprintf("[%d]", i), err)
			}
		}
	case reflect.Struct:
		return s.fields(v, t, depth)
	}
	return nil
}

func (s *survey) fields(v reflect.Value, t *traits, depth int) error {
	for _, field := range t.fields {
		value := v.Field(field.index)
		var err error
		switch {
		case field.skipped:
			if !t.hasFile && s.encoder.reads(value) {
				err = &misfit{"", "is a reader that JSON leaves out: " + giveFile}
			}
		case field.leavesOut(value):
		case field.omitEmpty && value.Type() == s.encoder.file && value.IsZero():
			s.zero++
		default:
			err = s.value(value, depth)
		}
		if err != nil {
			return under("."+field.name, err)
		}
	}
	return nil
}

// hidden collects the files that a Marshaler may encode. Nobody knows what it does with
// its fields. The error is about a Marshaler that has a reader.
func (s *survey) hidden(v reflect.Value) (err error) {
	switch v.Kind() {
	case reflect.Interface:
		return s.hidden(v.Elem())
	case reflect.Pointer:
		if s.first(v) {
			return s.hidden(v.Elem())
		}
	case reflect.Map:
		if !s.first(v) {
			return nil
		}
		for entry := v.MapRange(); entry.Next() && err == nil; {
			err = under(fmt.Sprintf("[%q]", entry.Key()), s.hidden(entry.Value()))
		}
	case reflect.Slice, reflect.Array:
		if s.encoder.traitsOf(v.Type()).simple || v.Kind() == reflect.Slice && !s.first(v) {
			return nil
		}
		for i := 0; i < v.Len() && err == nil; i++ {
			err = under(fmt.Sprintf("[%d]", i), s.hidden(v.Index(i)))
		}
	case reflect.Struct:
		return s.hiddenFields(v)
	}
	return err
}

func (s *survey) hiddenFields(v reflect.Value) error {
	t := s.encoder.traitsOf(v.Type())
	if t.file {
		f := s.encoder.fileIn(v)
		if ref, err := f.reference(); err == nil {
			s.add(ref, f)
		}
		return nil
	}
	if t.marshals || t.marshalsAddressed {
		if field := s.encoder.heldReader(v); field != "" {
			return &misfit{"", fmt.Sprintf("is a %s, and JSON has nothing of its %s: %s", typeOf(v), field, giveFile)}
		}
	}
	for _, field := range t.fields {
		value := v.Field(field.index)
		if field.omitEmpty && value.Type() == s.encoder.file && value.IsZero() {
			s.zero++
			continue
		}
		if err := s.hidden(value); err != nil {
			return under("."+field.name, err)
		}
	}
	return nil
}

func (s *survey) first(v reflect.Value) bool {
	at := visit{at: v.Pointer(), typ: v.Type()}
	if v.Kind() == reflect.Slice {
		at.length = v.Len()
	}
	if v.IsNil() || s.seen[at] {
		return false
	}
	if s.seen == nil {
		s.seen = map[visit]bool{}
	}
	s.seen[at] = true
	return true
}
