package desk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// Limits of the body of a request.
const (
	maxJSON   = 1 << 20
	maxUpload = 100 << 20 // of all files together
	maxFiles  = 10        // as in an album
	maxFields = 100       // of a form, with its files
)

// ref names a bot, a user or a chat: by its id or by its username. In JSON it is a number or
// a string.
type ref string

// UnmarshalJSON reads a number or a string.
func (r *ref) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err == nil {
		*r = ref(text)
		return nil
	}
	var id int64
	if err := json.Unmarshal(data, &id); err != nil {
		return fmt.Errorf("%s is neither an id nor a username", data)
	}
	*r = ref(strconv.FormatInt(id, 10))
	return nil
}

// id returns the id, if the ref is one.
func (r ref) id() (int64, bool) {
	id, err := strconv.ParseInt(string(r), 10, 64)
	return id, err == nil
}

// name returns the username without @.
func (r ref) name() string { return strings.TrimPrefix(string(r), "@") }

// shown returns the ref for an error: without what may be a token, and not too long.
func (r ref) shown() string {
	const enough = 100
	text, _, _ := strings.Cut(string(r), ":")
	return fmt.Sprintf("%q", text[:min(len(text), enough)])
}

// duration is a length of time. In JSON it is a string such as 1m30s.
type duration time.Duration

// UnmarshalJSON reads a string as time.ParseDuration does. The decoder adds the name of the
// field to its error.
func (d *duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return &json.UnmarshalTypeError{Value: "value " + string(data), Type: reflect.TypeFor[duration]()}
	}
	value, err := time.ParseDuration(text)
	if err != nil || value < 0 {
		return &json.UnmarshalTypeError{Value: fmt.Sprintf("string %q", text), Type: reflect.TypeFor[duration]()}
	}
	*d = duration(value)
	return nil
}

// upload is a file of a request.
type upload struct {
	name    string
	content []byte
}

// decode reads the body of a request into the struct that into points to. An empty body
// leaves it as it is.
func decode(r *http.Request, into any) error {
	_, err := decodeFiles(r, into)
	return err
}

// decodeFiles reads the body of a request, which is JSON or a form with files.
//
// A page of another site can make a browser post a form of text, but not JSON; the check of
// the check of the content type comes after that of Origin and Sec-Fetch-Site.
func decodeFiles(r *http.Request, into any) ([]upload, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && kind == "application/json":
		body, err := read(r.Body, maxJSON)
		if err != nil {
			return nil, err
		}
		return nil, decodeJSON(body, into)
	case err == nil && kind == "multipart/form-data":
		return decodeForm(multipart.NewReader(r.Body, params["boundary"]), into)
	}
	return nil, &jsonhttp.Error{Status: http.StatusUnsupportedMediaType, Code: "invalid_content_type", Message: fmt.Sprintf(
		"the Content-Type is %q; send application/json, or multipart/form-data with files", r.Header.Get("Content-Type"))}
}

// read reads all, but not more than most bytes.
func read(from io.Reader, most int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(from, most+1))
	switch {
	case err != nil:
		return nil, jsonhttp.Invalid("the body cannot be read: %v", err)
	case int64(len(body)) > most:
		return nil, &jsonhttp.Error{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: fmt.Sprintf("the body has more than %d bytes; send less", most)}
	}
	return body, nil
}

func decodeJSON(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return jsonhttp.Invalid("the field %s is a %s; it must be %s", wrong.Field, wrong.Value, wanted(wrong.Type))
	case err != nil && strings.HasPrefix(err.Error(), "json: unknown field "):
		return jsonhttp.Invalid("the body has the field %s, which is not known here; the fields are: %s",
			strings.TrimPrefix(err.Error(), "json: unknown field "), strings.Join(fieldsOf(into), ", "))
	case err != nil:
		return jsonhttp.Invalid("the JSON of the body cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	case d.More():
		return jsonhttp.Invalid("the body has more than one JSON object; send one")
	}
	return nil
}

// wanted names a type of JSON.
func wanted(t reflect.Type) string {
	if t == reflect.TypeFor[duration]() {
		return `a length of time, a string such as "10s" or "1h30m"`
	}
	switch t.Kind() { //nolint:exhaustive // the rest are objects
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "an array"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "a number"
	}
	return "an object"
}

// fieldsOf returns the names of the fields of the struct that into points to.
func fieldsOf(into any) []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeOf(into).Elem()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// decodeForm reads a form. Its fields have the names of those in JSON. The value of a field
// that is not a string is its JSON.
func decodeForm(form *multipart.Reader, into any) ([]upload, error) {
	texts := textsOfForm(into)
	object := map[string]json.RawMessage{}
	var files []upload
	left := int64(maxUpload)
	for fields := 0; ; fields++ {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, jsonhttp.Invalid("the form cannot be read: %v", err)
		}
		if fields == maxFields {
			return nil, jsonhttp.Invalid("the form has more than %d fields; send each field once", maxFields)
		}
		most := left
		if part.FileName() == "" {
			most = min(left, maxJSON)
		}
		content, err := read(part, most)
		if err != nil {
			return nil, err
		}
		left -= int64(len(content))
		name := part.FormName()
		switch {
		case part.FileName() != "" && len(files) == maxFiles:
			return nil, jsonhttp.Invalid("the form has more than %d files; send an album in parts", maxFiles)
		case part.FileName() != "":
			files = append(files, upload{part.FileName(), content})
		case texts[name]:
			object[name] = encode(string(content))
		case !json.Valid(content):
			return nil, jsonhttp.Invalid("the field %s of the form is not JSON; write a number, true, false or an array as in JSON", name)
		default:
			object[name] = content
		}
	}
	return files, decodeJSON(encode(object), into)
}

// textsOfForm returns which fields of the struct that into points to are text in a form.
func textsOfForm(into any) map[string]bool {
	texts := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeOf(into).Elem()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		texts[name] = f.Type.Kind() == reflect.String || f.Type == reflect.TypeFor[duration]()
	}
	return texts
}
