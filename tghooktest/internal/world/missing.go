package world

import (
	"errors"
	"fmt"
)

// Errors of acts that name something that there is not. Errors about a certain chat or message
// are one of them too, for errors.Is.
var (
	ErrNoUser    = errors.New("there is no such user")
	ErrNoChat    = errors.New("there is no such chat")
	ErrNoMessage = errors.New("there is no such message")
	ErrNoFile    = errors.New("there is no such file")
	ErrNoButton  = errors.New("there is no button") // with the text yet
)

// missing is an error of one of these kinds, with a text of its own.
type missing struct {
	kind error
	text string
}

func (m missing) Error() string { return m.text }
func (m missing) Unwrap() error { return m.kind }

// noUser is the error for a user whom the World does not know.
func noUser(id int64) error {
	return missingf(ErrNoUser, "there is no user %d; they belong to another bot, or the Server was reset", id)
}

func missingf(kind error, format string, args ...any) error {
	return missing{kind, fmt.Sprintf(format, args...)}
}
