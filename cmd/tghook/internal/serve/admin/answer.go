package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// problemOf returns an error as the API answers it. The text of an error that is not known may
// have what only the log may have.
func problemOf(err error) *jsonhttp.Error {
	var known *jsonhttp.Error
	var mistakes *config.Mistakes
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &mistakes):
		return &jsonhttp.Error{Status: http.StatusBadRequest, Code: "invalid_request", Message: mistakes.Error(), Mistakes: mistakesJSON(mistakes.All)}
	case errors.Is(err, gateway.ErrNoUpdate):
		return &jsonhttp.Error{Status: http.StatusBadRequest, Code: "invalid_request", Message: err.Error()}
	case errors.Is(err, gateway.ErrNoBot):
		return &jsonhttp.Error{Status: http.StatusNotFound, Code: "bot_not_found", Message: "there is no such bot, or it has no such target; GET /v1/bots lists them"}
	case errors.Is(err, gateway.ErrInFile):
		return &jsonhttp.Error{Status: http.StatusConflict, Code: "in_file", Message: gateway.ErrInFile.Error()}
	case errors.Is(err, tghook.ErrNoDeadLetter):
		return &jsonhttp.Error{Status: http.StatusNotFound, Code: "dead_letter_not_found", Message: "there is no such dead letter; it may have been replayed or discarded"}
	case errors.Is(err, storage.ErrFull):
		return &jsonhttp.Error{Status: http.StatusServiceUnavailable, Code: "storage_full", Message: "the storage is full, and nothing was changed; discard dead letters, raise storage.max_size, or ask again when the bots have taken more updates"}
	case errors.Is(err, context.DeadlineExceeded):
		return &jsonhttp.Error{Status: http.StatusGatewayTimeout, Code: "timeout", Message: fmt.Sprintf("the gateway was not done within %v; the change may have been made: look before you ask again", workTime)}
	}
	return &jsonhttp.Error{Status: http.StatusInternalServerError, Code: "internal", Message: "the gateway could not do this; its log says why"}
}

type mistakeJSON struct {
	Line  int    `json:"line"`
	Field string `json:"field"`
	What  string `json:"what"`
}

func mistakesJSON(all []config.Mistake) []mistakeJSON {
	list := make([]mistakeJSON, len(all))
	for i, m := range all {
		list[i] = mistakeJSON(m)
	}
	return list
}
