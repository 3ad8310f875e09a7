// Package jsonhttp answers requests of the program's HTTP APIs, whose bodies are JSON.
package jsonhttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// Error is an error that an API answers with.
type Error struct {
	Status   int    // of HTTP
	Code     string // for programs
	Message  string // for people
	Mistakes any    // each mistake of a configuration; nil for none
}

func (e *Error) Error() string { return e.Message }

// Invalid returns the error of a request that is wrong.
func Invalid(format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_request", Message: fmt.Sprintf(format, args...)}
}

// NotFound returns the error of a request for something that does not exist, such as a bot.
func NotFound(what, format string, args ...any) *Error {
	return &Error{Status: http.StatusNotFound, Code: what + "_not_found", Message: fmt.Sprintf(format, args...)}
}

// Number returns a number of the query of a request. If it is missing, Number returns the default.
func Number(r *http.Request, name string, usual int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, Invalid("%s=%.50q is not a whole number", name, text)
	}
	return n, nil
}

// body is the body of an answer that is an error.
type body struct {
	Error text `json:"error"`
}

type text struct {
	Code     string `json:"code"`
	Message  string `json:"message"`
	Mistakes any    `json:"mistakes,omitempty"`
}

// Write answers with the error.
func (e *Error) Write(w http.ResponseWriter, masks ...func([]byte) []byte) {
	Write(w, e.Status, body{text{e.Code, e.Message, e.Mistakes}}, masks...)
}

// Write answers with a value as JSON, without what the masks hide. Without a value the answer has
// no body.
func Write(w http.ResponseWriter, status int, value any, masks ...func([]byte) []byte) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if value == nil {
		w.WriteHeader(status)
		return
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		status, encoded = http.StatusInternalServerError, []byte(`{"error":{"code":"internal","message":"the answer cannot be encoded"}}`)
	}
	for _, mask := range masks {
		encoded = mask(encoded)
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(encoded, '\n')) // a client that has gone needs no answer
}
