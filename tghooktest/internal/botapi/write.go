package botapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// WriteResult writes an answer that is ok, with a description unless that is empty. The
// result is written as it is: see [AppendJSON].
func WriteResult(w http.ResponseWriter, result json.RawMessage, description string) {
	body := append([]byte(`{"ok":true,"result":`), result...)
	if description != "" {
		quoted, _ := json.Marshal(description) //nolint:errchkjson // a string never fails
		body = AppendJSON(append(body, `,"description":`...), quoted)
	}
	write(w, http.StatusOK, append(body, '}'))
}

// WriteError writes an answer that is not ok. One without a description is empty and
// closes the connection: so Telegram answers what it cannot parse.
func WriteError(w http.ResponseWriter, e *Error) {
	if e.Description == "" {
		w.Header()["Date"] = nil
		w.Header().Set("Connection", "close")
		w.WriteHeader(e.Code)
		return
	}
	if e.RetryAfter != 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	answer := failure{Code: e.Code, Description: e.Description, Parameters: parameters{e.MigrateTo, e.RetryAfter}}
	body, _ := json.Marshal(answer) //nolint:errchkjson // strings and integers never fail
	write(w, e.Code, AppendJSON(nil, body))
}

type failure struct {
	OK          bool       `json:"ok"`
	Code        int        `json:"error_code"`
	Description string     `json:"description"`
	Parameters  parameters `json:"parameters,omitzero"`
}

type parameters struct {
	MigrateTo  int64 `json:"migrate_to_chat_id,omitempty"`
	RetryAfter int   `json:"retry_after,omitempty"`
}

// TooManyRequests is what Telegram answers until the seconds have passed.
func TooManyRequests(seconds int) *Error {
	return &Error{
		Code:        http.StatusTooManyRequests,
		Description: fmt.Sprintf("Too Many Requests: retry after %d", seconds),
		RetryAfter:  seconds,
	}
}

func write(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Date"] = nil // Telegram's server has none
	h.Set("Connection", "keep-alive")
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // who has gone gets no answer
}
