package tghook

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"mime/multipart"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// File in a Reply's Params is uploaded with it. Body is read once, when the
// handler has returned, and is not closed. The files of one reply may have 50 MiB
// together and be 50 in number (https://core.telegram.org/bots/api#sending-files).
type File struct {
	Name string
	Body io.Reader
}

const (
	maxFiles     = 50
	maxFileBytes = 50 << 20
)

// MarshalJSON returns the reference by which Telegram finds the file among the
// parts of a multipart reply.
func (f File) MarshalJSON() ([]byte, error) {
	ref, err := f.reference()
	if err != nil {
		return nil, err
	}
	return []byte(`"` + ref + `"`), nil
}

// attachPrefix begins every reference to a File. It cannot be guessed, so that
// no text of a user is taken for one.
var attachPrefix = "attach://tghook" + rand.Text()

var referenceSeed = maphash.MakeSeed()

// reference is the same for equal files, so that the JSON encoder and the walk
// over Params agree on it without sharing state.
func (f File) reference() (ref string, err error) {
	if f.Body == nil {
		return "", errors.New("File.Body is nil")
	}
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("File.Body, a %T, is not comparable: give a pointer to it", f.Body)
		}
	}()
	return fmt.Sprintf("%s%016x", attachPrefix, maphash.Comparable(referenceSeed, f)), nil
}

// partName is the name of the part that ref refers to.
func partName(ref string) string { return strings.TrimPrefix(ref, "attach://") }

// collectFiles returns the files that encoding/json can reach in params, by
// reference.
func collectFiles(params any) map[string]File {
	c := fileCollector{files: map[string]File{}, seen: map[visit]bool{}}
	c.walk(reflect.ValueOf(params))
	return c.files
}

type fileCollector struct {
	files map[string]File
	seen  map[visit]bool // what json:"-" hides may be a cycle
}

type visit struct {
	at     uintptr
	length int // of a slice
	typ    reflect.Type
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

func (c fileCollector) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		c.walk(v.Elem())
	case reflect.Pointer:
		if c.first(v) {
			c.walk(v.Elem())
		}
	case reflect.Map:
		if !c.first(v) {
			return
		}
		for entry := v.MapRange(); entry.Next(); {
			c.walk(entry.Value())
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && !c.first(v) {
			return
		}
		for i := range v.Len() {
			c.walk(v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[File]() {
			f := v.Interface().(File)
			if ref, err := f.reference(); err == nil {
				c.files[ref] = f
			}
			return
		}
		for i := range v.NumField() {
			if reachable(v.Type().Field(i)) {
				c.walk(v.Field(i))
			}
		}
	}
}

func (c fileCollector) first(v reflect.Value) bool {
	at := visit{at: v.Pointer(), typ: v.Type()}
	if v.Kind() == reflect.Slice {
		at.length = v.Len()
	}
	if v.IsNil() || c.seen[at] {
		return false
	}
	c.seen[at] = true
	return true
}

// readError is a failure to read a File: the next attempt may fare better.
type readError struct {
	name string
	err  error
}

func (e *readError) Error() string { return fmt.Sprintf("tghook: read file %q: %v", e.name, e.err) }
func (e *readError) Unwrap() error { return e.err }

// encodeMultipart makes a part of each member of params and of each file in it:
// under the member's own name where the file is all of it, else under the name
// that it is referred to by.
func encodeMultipart(method string, params []byte, files map[string]File) (payload, error) {
	if err := resolve(params, files); err != nil {
		return nil, err
	}
	e := newMultipartEncoder()
	e.field("method", method)
	err := fields(params, func(key, value []byte) error {
		text := string(value)
		if value[0] == '"' {
			if err := json.Unmarshal(value, &text); err != nil {
				return err
			}
		}
		file, whole := files[text]
		if !whole || bytes.Count(params, []byte(text)) > 1 {
			e.field(string(key), text)
			return nil
		}
		delete(files, text)
		return e.file(string(key), file)
	})
	if err != nil {
		return nil, err
	}
	for _, ref := range slices.Sorted(maps.Keys(files)) {
		if err := e.file(partName(ref), files[ref]); err != nil {
			return nil, err
		}
	}
	return e.payload()
}

// resolve makes files those that params refer to.
func resolve(params []byte, files map[string]File) error {
	used := map[string]bool{}
	for rest := params; ; {
		at := bytes.Index(rest, []byte(attachPrefix))
		if at < 0 {
			break
		}
		rest = rest[at:]
		end := bytes.IndexByte(rest, '"')
		ref := string(rest[:max(end, 0)])
		if _, ok := files[ref]; !ok {
			return errors.New("a File is out of reach in Params: keep it in an exported field, a map or a slice")
		}
		used[ref] = true
		rest = rest[end:]
	}
	maps.DeleteFunc(files, func(ref string, _ File) bool { return !used[ref] })
	if len(files) > maxFiles {
		return fmt.Errorf("%d files are more than the %d that Telegram takes", len(files), maxFiles)
	}
	return nil
}

type multipartEncoder struct {
	body        bytes.Buffer
	parts       *multipart.Writer
	text, bytes int64 // of fields, of files
}

func newMultipartEncoder() *multipartEncoder {
	e := &multipartEncoder{}
	e.parts = multipart.NewWriter(&e.body)
	return e
}

// A bytes.Buffer refuses nothing, so that the errors of e.parts are nil.

func (e *multipartEncoder) field(name, text string) {
	e.text += int64(len(name) + len(text))
	_ = e.parts.WriteField(headerSafe(name), text)
}

func (e *multipartEncoder) file(part string, f File) error {
	name := f.Name
	if name == "" {
		name = part // without a file name Telegram takes the part for text
	}
	w, _ := e.parts.CreateFormFile(headerSafe(part), headerSafe(name))
	n, err := io.Copy(w, io.LimitReader(f.Body, maxFileBytes-e.bytes+1))
	if err != nil {
		return &readError{f.Name, err}
	}
	if e.bytes += n; e.bytes > maxFileBytes {
		return fmt.Errorf("the files have more than the %d bytes that Telegram takes", maxFileBytes)
	}
	return nil
}

// headerSafe makes a name, which may be a stranger's, fit for a part's header.
func headerSafe(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '_'
		}
		return r
	}, name)
}

func (e *multipartEncoder) payload() (payload, error) {
	if e.text > maxReply {
		return nil, fmt.Errorf("%d bytes of fields are more than the %d that Telegram takes", e.text, maxReply)
	}
	_ = e.parts.Close()
	return e.body.Bytes(), nil
}

// boundary is that of a multipart payload, which begins with it.
func (p payload) boundary() string {
	line, _, _ := bytes.Cut(p, []byte("\r\n"))
	return string(bytes.TrimPrefix(line, []byte("--")))
}

// decodeMultipart returns p as a Reply again. The parts that are referred to lose
// attachPrefix, by which they would be taken for files that are to be collected.
func decodeMultipart(p payload) (Reply, error) {
	rename := strings.NewReplacer(attachPrefix, "attach://file", partName(attachPrefix), "file").Replace
	params := map[string]any{}
	reply := Reply{Params: params}
	parts := multipart.NewReader(bytes.NewReader(p), p.boundary())
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return reply, nil
		}
		var content []byte
		if err == nil {
			content, err = io.ReadAll(part)
		}
		if err != nil {
			return NoReply, fmt.Errorf("tghook: not a stored reply: %w", err)
		}
		switch name := rename(part.FormName()); {
		case name == "method":
			reply.Method = string(content)
		case part.FileName() != "":
			params[name] = File{part.FileName(), bytes.NewReader(content)}
		default:
			params[name] = rename(string(content))
		}
	}
}
