package desk

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// problem is an error that the control API answers with.
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

// writeError writes an error.
func (d *Desk) writeError(w http.ResponseWriter, err error) {
	p := &problem{http.StatusInternalServerError, "internal", err.Error()}
	errors.As(err, &p)
	d.writeJSON(w, p.status, errorBody{errorText{p.code, p.message}})
}

// writeJSON writes a value as JSON, without the tokens of bots.
func (d *Desk) writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":{"code":"internal","message":"the answer cannot be encoded"}}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(d.mask.hide(body), '\n')) // a client that has gone needs no answer
}
