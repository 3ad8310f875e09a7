// Package discreet keeps a bot's token out of errors. It is in the URL of each call,
// which net/http tells when one fails, and not every library takes it out.
package discreet

import "strings"

// Error returns err with a text that does not tell the token. What it wraps may.
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
