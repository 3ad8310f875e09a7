// Package discreet keeps a bot's token out of errors. The token is in the URL of each call,
// net/http puts that URL into the error of a call that fails, and not every library takes
// it out.
package discreet

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Error takes the token out of an error that net/http has made, and returns the error. Call
// it before another error wraps that one.
func Error(err error, token string) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		failed.URL = strings.ReplaceAll(failed.URL, token, "<token>")
	}
	return err
}

// Client is an HTTP client whose errors do not contain the token.
type Client struct {
	HTTP  *http.Client
	Token string
}

// Do does the same as the method of HTTP.
func (c Client) Do(req *http.Request) (*http.Response, error) {
	res, err := c.HTTP.Do(req) //nolint:gosec // the request is that of the library
	return res, Error(err, c.Token)
}
