package world

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// refusal is the reason why a call fails with 400, in the words of Telegram's server before
// they become a description.
type refusal string

func (r refusal) Error() string { return string(r) }

func refusef(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

func forbidden(text string) error {
	return &botapi.Error{Code: 403, Description: "Forbidden: " + text}
}

// described returns the answer to a call that failed.
func described(err error) *botapi.Error {
	var answer *botapi.Error
	if errors.As(err, &answer) {
		return answer
	}
	text := err.Error()
	if len(text) < 2 || text[1] != '_' && (text[1] < 'A' || 'Z' < text[1]) { // not an error code
		text = strings.ToLower(text[:1]) + text[1:]
	}
	return &botapi.Error{Code: 400, Description: "Bad Request: " + text}
}
