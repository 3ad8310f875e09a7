package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 1 << 20

// read returns the body of a request, which is JSON. It is empty if there is none.
func read(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, &jsonhttp.Error{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: fmt.Sprintf("the body has more than %d bytes; send less", tooLarge.Limit)}
	}
	if err != nil {
		return nil, jsonhttp.Invalid("the body cannot be read; send it again")
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, &jsonhttp.Error{Status: http.StatusUnsupportedMediaType, Code: "invalid_content_type", Message: "the body is not said to be JSON; send the header Content-Type: application/json"}
	}
	return body, nil
}

// decode reads the body of a request into the struct that into points to. Without a body the
// struct stays as it is. The error has nothing of the body but the names of fields.
func decode(r *http.Request, into any) error {
	body, err := read(r)
	if err != nil || body == nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err = d.Decode(into)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field == "":
		return jsonhttp.Invalid("the body is not a JSON object; send one")
	case errors.As(err, &wrong):
		return jsonhttp.Invalid("the field %s is a %s; it must be a string", wrong.Field, wrong.Value)
	case err != nil:
		return jsonhttp.Invalid("the JSON of the body cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return jsonhttp.Invalid("the body has more than one JSON object; send one")
	}
	return nil
}

// integer reads a whole number of the query. If it is not there, it is usual.
func integer(r *http.Request, name string, usual int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, jsonhttp.Invalid("%s of the query is not a whole number of 64 bits", name)
	}
	return n, nil
}

// onlyQuery returns an error if the query has other names than these: a name that is written
// wrong must not be overlooked.
func onlyQuery(r *http.Request, names ...string) error {
	query := r.URL.Query()
	for _, name := range names {
		query.Del(name)
	}
	for name := range query {
		return jsonhttp.Invalid("the query has %.50q, which is not known here; the names are %s", name, strings.Join(names, ", "))
	}
	return nil
}
