// Package discreet keeps a bot's token out of errors. The token is in the URL of each call,
// net/http puts that URL into the error of a call that fails, and not every library takes
// it out.
package discreet

import "strings"

// Error returns err with a text that does not contain the token. The error that it wraps
// may contain it.
func Error(err error, token string) error {
	if err == nil || !strings.Contains(err.Error(), token) {
		return err
	}
	return discreetError{err, token}
}

type discreetError struct {
	error

	token string
}

func (e discreetError) Error() string { return strings.ReplaceAll(e.error.Error(), e.token, "<token>") }
func (e discreetError) Unwrap() error { return e.error }
