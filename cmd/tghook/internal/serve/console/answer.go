package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// problem is an error that the API answers with.
type problem struct {
	status  int
	code    string // for programs
	message string // for people: what is wrong, where, and what to do
}

func (p *problem) Error() string { return p.message }

func invalid(format string, args ...any) error {
	return &problem{http.StatusBadRequest, "invalid_request", fmt.Sprintf(format, args...)}
}

func notFound(what, format string, args ...any) error {
	return &problem{http.StatusNotFound, what + "_not_found", fmt.Sprintf(format, args...)}
}

// errorBody is the body of an answer that is an error.
type errorBody struct {
	Error errorText `json:"error"`
}

type errorText struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func writeError(w http.ResponseWriter, err error) {
	p := &problem{http.StatusInternalServerError, "internal", err.Error()}
	errors.As(err, &p)
	writeJSON(w, p.status, errorBody{errorText{p.code, p.message}})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":{"code":"internal","message":"the answer cannot be encoded"}}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone needs no answer
}

// maxBody is how many bytes the body of a request may have.
const maxBody = 1 << 20

// edit is the body of a request that replays an update.
type edit struct {
	Update json.RawMessage `json:"update"` // in place of the one that was kept; if missing, that one
	Target *string         `json:"target"` // if missing, that of the query
}

// readEdit reads the body of a request; an empty one is the zero edit.
func readEdit(r *http.Request) (edit, error) {
	var e edit
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return e, &problem{http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("the body has more than %d bytes; send less", maxBody)}
	case err != nil:
		return e, invalid("the body cannot be read: %v", err)
	case len(body) == 0:
		return e, nil
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return e, invalid("the JSON of the body cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if string(e.Update) == "null" {
		e.Update = nil
	}
	return e, nil
}

// number returns a number of the query; if it is not there, the default.
func number(r *http.Request, name string, usual int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, invalid("%s=%.50q is not a whole number", name, text)
	}
	return n, nil
}

// limit returns the limit of the query, between 1 and most.
func limit(r *http.Request, usual, most int64) (int, error) {
	n, err := number(r, "limit", usual)
	return int(min(max(n, 1), most)), err
}
