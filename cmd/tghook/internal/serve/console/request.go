package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

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
		return e, &jsonhttp.Error{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: fmt.Sprintf("the body has more than %d bytes; send less", maxBody)}
	case err != nil:
		return e, jsonhttp.Invalid("the body cannot be read: %v", err)
	case len(body) == 0:
		return e, nil
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return e, jsonhttp.Invalid("the JSON of the body cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if string(e.Update) == "null" {
		e.Update = nil
	}
	return e, nil
}

// limit returns the limit of the query, between 1 and most.
func limit(r *http.Request, usual, most int64) (int, error) {
	n, err := jsonhttp.Number(r, "limit", usual)
	return int(min(max(n, 1), most)), err
}
