// Package redact keeps tokens and secrets out of all that is printed, logged or returned.
//
// A text, and an error, may hold a secret in any form, since a stranger has written it: a
// function of [New] finds it there, and [Error] looks through an error with such a function.
// A value of the library's own, such as a configuration, holds its secrets in fields:
// [Format], [LogValue] and [MarshalJSON] show such a value without them. A type that holds a
// secret has these three methods, with value receivers, so that they are called in a field,
// a slice and a map too.
package redact

import (
	"fmt"
	"regexp"
)

// Text is the Format method of a value that holds a token or a secret: it
// writes text in the value's place for every verb, since %d and %x print the
// fields of a struct too.
func Text(s fmt.State, verb rune, text string) {
	if verb != 'q' {
		verb = 's'
	}
	_, _ = fmt.Fprintf(s, fmt.FormatString(s, verb), text)
}

// What may be secret in a URL: its userinfo, a token, and a path of [PathFor].
var (
	userinfo  = regexp.MustCompile(`//[^/?#]*@`)
	tokenLike = regexp.MustCompile(`[0-9]+(:|%3[aA])[A-Za-z0-9_%-]{8,}`)
	pathLike  = regexp.MustCompile(`[0-9a-f]{64}`)
)

// URL is address without what may be secret in it.
func URL(address string) string {
	address = userinfo.ReplaceAllLiteralString(address, "//<secret>@")
	address = tokenLike.ReplaceAllLiteralString(address, "<token>")
	return pathLike.ReplaceAllLiteralString(address, "<path>")
}

// aToken is what looks like the token of a bot, whosever it is.
var aToken = regexp.MustCompile(`[0-9]{3,}(:|%3[Aa])[A-Za-z0-9_-]{10,}`)

// Tokens is text without what looks like the token of a bot.
func Tokens(text string) string { return aToken.ReplaceAllLiteralString(text, "<token>") }
