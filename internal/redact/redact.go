// Package redact keeps tokens and secrets out of everything that is printed, logged or
// returned.
//
// A text or an error of other code may have a secret in any form. [New] returns a function
// that removes it from a text, and [Error] removes it from an error with such a function.
//
// A value of the library, such as a configuration, has its secrets in fields. [Format],
// [LogValue] and [MarshalJSON] show such a value without them. A type that has a secret has
// these three methods, with value receivers, so that they are called in a field, a slice
// and a map too.
package redact

import (
	"fmt"
	"regexp"
)

// Text is the Format method of a value that has a token or a secret. It writes text in place
// of the value for every verb, because %d and %x print the fields of a struct too.
func Text(s fmt.State, verb rune, text string) {
	if verb != 'q' {
		verb = 's'
	}
	_, _ = fmt.Fprintf(s, fmt.FormatString(s, verb), text)
}

// The parts of a URL that may be secret: its userinfo, a token, and a path that PathFor of the
// root package has made.
var (
	userinfo  = regexp.MustCompile(`//[^/?#]*@`)
	tokenLike = regexp.MustCompile(`[0-9]+(:|%3[aA])[A-Za-z0-9_%-]{8,}`)
	pathLike  = regexp.MustCompile(`[0-9a-f]{64}`)
)

// URL returns address without the parts that may be secret.
func URL(address string) string {
	address = userinfo.ReplaceAllLiteralString(address, "//<secret>@")
	address = tokenLike.ReplaceAllLiteralString(address, "<token>")
	return pathLike.ReplaceAllLiteralString(address, "<path>")
}

// aToken matches every text that looks like the token of a bot.
var aToken = regexp.MustCompile(`[0-9]{3,}(:|%3[Aa])[A-Za-z0-9_-]{10,}`)

// Tokens returns text with each part that looks like a bot's token replaced by <token>.
func Tokens(text string) string { return aToken.ReplaceAllLiteralString(text, "<token>") }
