package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
)

// problem is an error that the API answers with.
type problem struct {
	status   int
	code     string // for programs
	message  string // for people: what is wrong, where, and what to do
	mistakes []config.Mistake
}

func (p *problem) Error() string { return p.message }

func invalid(format string, args ...any) error {
	return &problem{status: http.StatusBadRequest, code: "invalid", message: fmt.Sprintf(format, args...)}
}

// problemOf returns an error as the API answers it. The text of an error that is not known may
// have what only the log may have.
func problemOf(err error) *problem {
	var known *problem
	var mistakes *config.Mistakes
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &mistakes):
		return &problem{http.StatusBadRequest, "invalid", mistakes.Error(), mistakes.All}
	case errors.Is(err, gateway.ErrNoUpdate):
		return &problem{status: http.StatusBadRequest, code: "invalid", message: err.Error()}
	case errors.Is(err, gateway.ErrNoBot):
		return &problem{status: http.StatusNotFound, code: "bot_not_found", message: "there is no such bot, or it has no such target; GET /v1/bots lists them"}
	case errors.Is(err, gateway.ErrInFile):
		return &problem{status: http.StatusConflict, code: "in_file", message: gateway.ErrInFile.Error()}
	case errors.Is(err, tghook.ErrNoDeadLetter):
		return &problem{status: http.StatusNotFound, code: "dead_letter_not_found", message: "there is no such dead letter; it may have been replayed or discarded"}
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{status: http.StatusGatewayTimeout, code: "timeout", message: fmt.Sprintf("the gateway was not done within %v; the change may have been made: look before you ask again", workTime)}
	}
	return &problem{status: http.StatusInternalServerError, code: "internal", message: "the gateway could not do this; its log says why"}
}

// errorBody is the body of an answer that is an error.
type errorBody struct {
	Error errorText `json:"error"`
}

type errorText struct {
	Code     string        `json:"code"`
	Message  string        `json:"message"`
	Mistakes []mistakeJSON `json:"mistakes,omitempty"`
}

type mistakeJSON struct {
	Line  int    `json:"line"`
	Field string `json:"field"`
	What  string `json:"what"`
}

func writeError(w http.ResponseWriter, p *problem) {
	text := errorText{Code: p.code, Message: p.message}
	for _, m := range p.mistakes {
		text.Mistakes = append(text.Mistakes, mistakeJSON(m))
	}
	writeJSON(w, p.status, errorBody{text})
}

// writeJSON writes an answer. Without a value it has no body.
func writeJSON(w http.ResponseWriter, status int, value any) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if value == nil {
		w.WriteHeader(status)
		return
	}
	body, err := json.Marshal(value)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":{"code":"internal","message":"the answer cannot be encoded"}}`)
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone needs no answer
}
