package botapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// WriteResult writes an answer that is ok, with a description unless that is empty. It
// writes result unchanged; [AppendJSON] gives it Telegram's form.
func WriteResult(w http.ResponseWriter, result json.RawMessage, description string) {
	body := append([]byte(`{"ok":true,"result":`), result...)
	if description != "" {
		quoted, _ := json.Marshal(description) //nolint:errchkjson // a string never fails
		body = AppendJSON(append(body, `,"description":`...), quoted)
	}
	write(w, http.StatusOK, "application/json", append(body, '}'))
}

// WriteError writes an answer that is not ok. An error without a description becomes an
// empty answer that closes the connection, which is how Telegram answers a request that it
// cannot parse.
func WriteError(w http.ResponseWriter, e *Error) {
	if e.Description == "" {
		w.Header()["Date"] = nil
		w.Header().Set("Connection", "close")
		w.WriteHeader(e.Code)
		return
	}
	if e.Page != "" {
		write(w, e.Code, "text/html", []byte(e.Page))
		return
	}
	if e.RetryAfter != 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	answer := failure{Code: e.Code, Description: e.Description, Parameters: parameters{e.MigrateTo, e.RetryAfter}}
	body, _ := json.Marshal(answer) //nolint:errchkjson // strings and integers never fail
	write(w, e.Code, "application/json", AppendJSON(nil, body))
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

// TooManyRequests returns Telegram's error for a call that must wait for some seconds.
func TooManyRequests(seconds int) *Error {
	return &Error{
		Code:        http.StatusTooManyRequests,
		Description: fmt.Sprintf("Too Many Requests: retry after %d", seconds),
		RetryAfter:  seconds,
	}
}

func write(w http.ResponseWriter, status int, kind string, body []byte) {
	h := w.Header()
	h["Date"] = nil // Telegram's server has none
	h.Set("Connection", "keep-alive")
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client has gone
}
