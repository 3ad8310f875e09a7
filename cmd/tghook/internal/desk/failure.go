package desk

import (
	"errors"
	"net/http"
	"strings"

	"github.com/tghook/tghook/tghooktest"
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
			return &problem{http.StatusNotFound, missing.code, text}
		}
	}
	return &problem{http.StatusUnprocessableEntity, "impossible", text}
}
