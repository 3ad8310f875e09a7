package tghook

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"time"
)

// survey walks over Params as encoding/json does. It finds the files, and what JSON
// cannot say to Telegram: encoding/json makes {} of a reader, and a number of
// nanoseconds of a time.Duration.
type survey struct {
	files map[string]File // by reference
	zero  int             // how many are left out by omitempty
	seen  map[visit]bool  // of what a Marshaler may reach, which may be a cycle
}

type visit struct {
	at     uintptr
	length int // of a slice
	typ    reflect.Type
}

// maxDepth is where encoding/json begins to look for cycles. It reports what is
// nested deeper.
const maxDepth = 1000

var errTooDeep = errors.New("nested too deep")

// surveyed is what is to be known of params before they are encoded. An error names
// the field.
func surveyed(params any) (survey, error) {
	var s survey
	if fields, ok := params.(map[string]any); ok && plain(fields) {
		return s, nil
	}
	err := s.value(reflect.ValueOf(params), 0)
	if errors.Is(err, errTooDeep) {
		err = nil // json.Marshal says what it is
	}
	return s, err
}

// plain reports whether all values are such as most replies have.
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

// misfit says why a value in Params would not reach Telegram. Its text begins with
// the path to it.
type misfit struct {
	path    string // behind "Params"
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

// value surveys what encoding/json encodes at v.
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
	t := traitsOf(v.Type())
	if t.simple {
		return nil
	}
	if t.file {
		return s.file(v.Interface().(File))
	}
	if t.marshals || t.marshalsAddressed && v.CanAddr() {
		return s.hidden(v)
	}
	if err := t.misfit(v); err != nil {
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
			if !t.hasFile && reads(value) {
				err = &misfit{"", "is a reader that JSON leaves out: " + giveFile}
			}
		case field.leavesOut(value):
		case field.omitEmpty && value.Type() == fileType && value.IsZero():
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

// hidden collects the files that a Marshaler may make use of: nobody knows what it
// does with which field. Its error is about a Marshaler that holds a reader.
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
		if traitsOf(v.Type()).simple || v.Kind() == reflect.Slice && !s.first(v) {
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
	t := traitsOf(v.Type())
	if t.file {
		f := v.Interface().(File)
		if ref, err := f.reference(); err == nil {
			s.add(ref, f)
		}
		return nil
	}
	if t.marshals || t.marshalsAddressed {
		if field := t.heldReader(v); field != "" {
			return &misfit{"", fmt.Sprintf("is a %s, and JSON has nothing of its %s: %s", typeOf(v), field, giveFile)}
		}
	}
	for _, field := range t.fields {
		value := v.Field(field.index)
		if field.omitEmpty && value.Type() == fileType && value.IsZero() {
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

// traits is what the survey has to know of a type.
type traits struct {
	simple            bool // nothing of it needs a look
	file              bool
	marshals          bool // by itself
	marshalsAddressed bool // by a pointer
	reads             bool // it, or a pointer to it, is an io.Reader
	uploads           bool // it may be an upload of tgbotapi's
	describes         bool // it has a member that each file has which Telegram describes, and none that it takes
	hasFile           bool // among its fields
	fields            []fieldTraits
}

// fieldTraits are those of a field that encoding/json sees.
type fieldTraits struct {
	index               int
	name                string
	skipped             bool // by json:"-"
	omitEmpty, omitZero bool
}

var (
	fileType      = reflect.TypeFor[File]()
	durationType  = reflect.TypeFor[time.Duration]()
	timeType      = reflect.TypeFor[time.Time]()
	readerType    = reflect.TypeFor[io.Reader]()
	marshalerType = reflect.TypeFor[json.Marshaler]()
	textType      = reflect.TypeFor[encoding.TextMarshaler]()
	uploadType    = reflect.TypeFor[interface{ NeedsUpload() bool }]()
	isZeroType    = reflect.TypeFor[interface{ IsZero() bool }]()
	traitsByType  sync.Map // of reflect.Type to *traits; a program has so many types and no more
)

func traitsOf(t reflect.Type) *traits {
	if known, ok := traitsByType.Load(t); ok {
		return known.(*traits)
	}
	found := &traits{file: t == fileType}
	pointer := reflect.PointerTo(t)
	marshals := func(t reflect.Type) bool { return t.Implements(marshalerType) || t.Implements(textType) }
	found.marshals, found.marshalsAddressed = t != timeType && marshals(t), marshals(pointer) && t != timeType
	found.reads = t.Implements(readerType) || pointer.Implements(readerType)
	found.uploads = t.Implements(uploadType)
	switch t.Kind() {
	case reflect.Struct:
		found.fields = fieldsOf(t)
		for _, field := range found.fields {
			f := t.Field(field.index)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			found.hasFile = found.hasFile || f.Type == fileType
			found.describes = found.describes || name == "file_unique_id"
		}
	case reflect.Map, reflect.Slice, reflect.Array:
		found.simple = !found.reads && !found.uploads && scalar(t.Elem())
	default:
		found.simple = !found.reads && !found.uploads && scalar(t)
	}
	traitsByType.Store(t, found)
	return found
}

// scalar reports whether t is encoded as a number, a text or a bool, and says no
// more than it seems to.
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

// reachable reports whether encoding/json looks into a field: an embedded struct
// counts even if its type is not exported.
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

// misfit is why Telegram would not get what v, which is no Marshaler's, means.
func (t *traits) misfit(v reflect.Value) error {
	typ, name := v.Type(), typeOf(v)
	var problem string
	switch {
	case typ == durationType:
		problem = "is a time.Duration, which JSON has in nanoseconds: give seconds, such as int(d.Seconds())"
	case typ == timeType:
		problem = "is a time.Time, which JSON has as a text: give its Unix()"
	case t.reads && !absent(v):
		problem = fmt.Sprintf("is a %s, a reader, of which JSON has nothing: %s", name, giveFile)
	case t.uploads && v.CanInterface() && !absent(v) && v.Interface().(interface{ NeedsUpload() bool }).NeedsUpload():
		problem = fmt.Sprintf("is a %s, the upload of another library: %s", name, giveFile)
	case t.describes:
		problem = fmt.Sprintf("is a %s, a file as Telegram or another library describes it: give its file_id, or %s", name, giveFile)
	case typ.Kind() == reflect.Struct && typ.NumField() > 0 && len(t.fields) == 0:
		problem = fmt.Sprintf("is a %s, of which JSON has nothing, since it exports no field: give what it stands for", name)
	default:
		return nil
	}
	return &misfit{"", problem}
}

// typeOf is the type of v, or of the pointer that leads to it.
func typeOf(v reflect.Value) string {
	if v.CanAddr() {
		return "*" + v.Type().String()
	}
	return v.Type().String()
}

// heldReader names a field of a Marshaler, or of what is embedded in it, that holds
// a reader: the upload types of other libraries are made so.
func (t *traits) heldReader(v reflect.Value) string {
	if v.Kind() != reflect.Struct {
		return ""
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Type != fileType && reads(v.Field(i)) {
			return v.Type().Field(i).Name
		}
	}
	return ""
}

// reads reports whether v holds a reader.
func reads(v reflect.Value) bool {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return false
		}
		v = v.Elem()
	}
	return traitsOf(v.Type()).reads && !absent(v)
}

func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Map, reflect.Slice, reflect.Func, reflect.Chan, reflect.Pointer, reflect.Interface:
		return v.IsNil()
	}
	return false
}

// zeroReference stands for a File that omitempty is to leave out, which
// encoding/json does not do with a struct.
var zeroReference = attachPrefix + "-none"

// withoutZero is params without the members that are a zero File, of which there
// are to be so many.
func withoutZero(params []byte, many int) ([]byte, error) {
	marker := []byte(`:"` + zeroReference + `"`)
	if bytes.Count(params, []byte(zeroReference)) != many {
		return nil, errors.New("a File in Params has no Body")
	}
	for {
		at := bytes.Index(params, marker)
		if at < 0 {
			return params, nil
		}
		from := bytes.LastIndexByte(params[:at-1], '"') // where the key, a field's, begins
		to := at + len(marker)
		if params[to] == ',' {
			to++
		} else if params[from-1] == ',' {
			from--
		}
		params = append(params[:from:from], params[to:]...)
	}
}

// wrongKey says what is wrong with a member that Telegram would not look at.
func wrongKey(key []byte) error {
	if !bytes.ContainsFunc(key, func(c rune) bool { return 'A' <= c && c <= 'Z' }) {
		return nil
	}
	return fmt.Errorf("a member %q in Params: no parameter of the Bot API has a capital letter. Give the field a tag, such as `json:%q`", key, snake(key))
}

// snake is a Go name as the Bot API would have it: ChatID is chat_id.
func snake(name []byte) string {
	var b strings.Builder
	upper := func(i int) bool { return i < len(name) && 'A' <= name[i] && name[i] <= 'Z' }
	for i, c := range name {
		if upper(i) && i > 0 && (!upper(i-1) || i+1 < len(name) && !upper(i+1)) && name[i-1] != '_' {
			_ = b.WriteByte('_')
		}
		if upper(i) {
			c |= 0x20
		}
		_ = b.WriteByte(c)
	}
	return b.String()
}
