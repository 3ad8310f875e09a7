package desk

import (
	"errors"
	"net/http"
	"strings"

	"github.com/tghook/tghook/tghooktest"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// failure returns the error of an act that failed, as the control API answers it; nil if it
// did not fail.
func failure(err error) error {
	if err == nil {
		return nil
	}
	text := strings.ReplaceAll(err.Error(), "tghooktest: ", "")
	for _, missing := range []struct {
		err  error
		code string
	}{
		{tghooktest.ErrNoUser, "user_not_found"},
		{tghooktest.ErrNoChat, "chat_not_found"},
		{tghooktest.ErrNoMessage, "message_not_found"},
		{tghooktest.ErrNoButton, "button_not_found"},
		{tghooktest.ErrNoFile, "file_not_found"},
	} {
		if errors.Is(err, missing.err) {
			return &jsonhttp.Error{Status: http.StatusNotFound, Code: missing.code, Message: text}
		}
	}
	return &jsonhttp.Error{Status: http.StatusUnprocessableEntity, Code: "impossible", Message: text}
}

// writeError answers with an error.
func (d *Desk) writeError(w http.ResponseWriter, err error) {
	p := &jsonhttp.Error{Status: http.StatusInternalServerError, Code: "internal", Message: err.Error()}
	errors.As(err, &p)
	p.Write(w, d.mask.hide)
}
