package tghook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/guard"
)

// formatRedacted is the Format method of a value that holds a token or a secret: it
// writes text in the value's place for every verb, since %d and %x print the
// fields of a struct too.
func formatRedacted(s fmt.State, verb rune, text string) {
	if verb != 'q' {
		verb = 's'
	}
	_, _ = fmt.Fprintf(s, fmt.FormatString(s, verb), text)
}

// String names the URL, without what is secret in it.
func (r WebhookRequest) String() string { return "WebhookRequest for " + shownURL(r.URL) }

// GoString is String.
func (r WebhookRequest) GoString() string { return r.String() }

// Format writes String for every verb.
func (r WebhookRequest) Format(s fmt.State, verb rune) { formatRedacted(s, verb, r.String()) }

// LogValue is String.
func (r WebhookRequest) LogValue() slog.Value { return slog.StringValue(r.String()) }

// MarshalJSON has "<secret>" for SecretToken, which SetWebhook refuses, and leaves out
// what is secret in URL.
func (r WebhookRequest) MarshalJSON() ([]byte, error) {
	type plain WebhookRequest
	shown := plain(r)
	shown.URL = shownURL(r.URL)
	if r.SecretToken != "" {
		shown.SecretToken = "<secret>"
	}
	return json.Marshal(shown) //nolint:musttag // its names in JSON are those of its fields
}

// What may be secret in a URL: its userinfo, a token, and a path of [PathFor].
var (
	userinfo  = regexp.MustCompile(`//[^/?#]*@`)
	tokenLike = regexp.MustCompile(`[0-9]+(:|%3[aA])[A-Za-z0-9_%-]{8,}`)
	pathLike  = regexp.MustCompile(`[0-9a-f]{64}`)
)

// shownURL is address without what may be secret in it.
func shownURL(address string) string {
	address = userinfo.ReplaceAllLiteralString(address, "//<secret>@")
	address = tokenLike.ReplaceAllLiteralString(address, "<token>")
	return pathLike.ReplaceAllLiteralString(address, "<path>")
}

// heard is err, an error of the user's or of code that is, for those who cannot
// know what it does. All its methods have been called once: if one panics, ends its
// goroutine or does not return, its type is told in its place. Where redact strikes
// something out of an error, or of one that it wraps, its words are told and those
// that it wraps. The same is so where errors wrap each other without end.
func heard(err error, redact func(string) string) error {
	if err == nil || err == context.Canceled || err == context.DeadlineExceeded { //nolint:errorlint // these need no look
		return err
	}
	var clean error
	switch failed := guard.Within(hearPatience, func() error { //nolint:errorlint // it wraps what is the user's
		clean, _ = (&hearing{redact: redact, left: maxHeard}).hear(err, 0)
		return nil
	}).(type) {
	case nil:
		return clean
	case *PanicError:
		return &redactedError{text: fmt.Sprintf("a %T, whose methods panic", err)}
	default:
		if failed == guard.ErrGoexit { //nolint:errorlint // as above
			return &redactedError{text: fmt.Sprintf("a %T, whose methods call runtime.Goexit", err)}
		}
		return &redactedError{text: fmt.Sprintf("a %T, whose methods do not return", err)}
	}
}

const (
	hearPatience = time.Second // for all methods of an error, and of those that it wraps
	maxHeard     = 256         // errors in one
	maxHeardDeep = 64          // wrapped in each other
	maxPrinted   = 1000        // values in one error that are looked at
)

type redactedError struct {
	text    string
	wrapped []error
}

func (e *redactedError) Error() string   { return e.text }
func (e *redactedError) Unwrap() []error { return e.wrapped }

var errProbe = errors.New("is it you?")

// hearing is the walk over one error.
type hearing struct {
	redact func(string) string
	left   int // errors that may be looked at
}

// hear returns err, or what is told in its place.
func (h *hearing) hear(err error, depth int) (clean error, same bool) {
	if h.left--; h.left < 0 || depth > maxHeardDeep {
		return &redactedError{text: "(and more errors)"}, false
	}
	if other, ok := err.(interface{ Is(error) bool }); ok {
		_ = other.Is(errProbe)
	}
	if other, ok := err.(interface{ As(any) bool }); ok {
		_ = other.As(new(*APIError))
	}
	text := err.Error()
	told := h.redact(text)
	same = told == text && !h.prints(err)
	var wrapped []error
	for _, inner := range guard.Unwrap(err) {
		if inner == nil {
			continue
		}
		heard, unchanged := h.hear(inner, depth+1)
		wrapped, same = append(wrapped, heard), same && unchanged
	}
	if same {
		return err, true
	}
	return &redactedError{told, wrapped}, false
}

// prints reports whether fmt could print something of err that has to be struck
// out. What fmt would find by itself is looked for here, since fmt never returns
// from a value that contains itself.
func (h *hearing) prints(err error) bool {
	var text string
	switch printed := err.(type) { //nolint:errorlint // it is about this one
	case fmt.Formatter:
		text = fmt.Sprintf("%+v %#v", err, err)
	case fmt.GoStringer:
		text = printed.GoString()
	default:
		v := reflect.ValueOf(err)
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		left := maxPrinted
		return h.holds(v, &left)
	}
	return h.redact(text) != text
}

// holds reports whether v has a text that has to be struck out, or has too much to
// say. As fmt, it follows no pointer.
func (h *hearing) holds(v reflect.Value, left *int) bool {
	if *left--; *left < 0 {
		return true
	}
	switch v.Kind() {
	case reflect.String:
		return h.redact(v.String()) != v.String()
	case reflect.Interface:
		return h.holds(v.Elem(), left)
	case reflect.Struct:
		for i := range v.NumField() {
			if h.holds(v.Field(i), left) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return h.holdsBytes(v)
		}
		for i := range v.Len() {
			if h.holds(v.Index(i), left) {
				return true
			}
		}
	case reflect.Map:
		for entry := v.MapRange(); entry.Next(); {
			if h.holds(entry.Key(), left) || h.holds(entry.Value(), left) {
				return true
			}
		}
	}
	return false
}

func (h *hearing) holdsBytes(v reflect.Value) bool {
	if v.Kind() == reflect.Slice {
		text := string(v.Bytes())
		return h.redact(text) != text
	}
	text := make([]byte, v.Len())
	for i := range text {
		text[i] = byte(v.Index(i).Uint()) //nolint:gosec // it is a uint8
	}
	return h.redact(string(text)) != string(text)
}

const (
	// pieceLength is how many characters in a row of a secret are taken for a piece of it:
	// a text may have lost its start or its end. It has to fit a uint64.
	pieceLength = 8
	// shortest is the length below which a password is as good as none: it would be
	// struck out of every other word.
	shortest = 4
	// maxRedacted bounds the texts that are searched. More of one is cut off.
	maxRedacted = 64 << 10
)

// redactor returns a function that strikes the token out of a text, and each of
// the other secrets: in whatever case, escaped as in a URL, in HTML or in a quoted
// string, broken over lines, and without its start or end.
func redactor(token string, others ...string) func(text string) string {
	bot, secret, _ := strings.Cut(token, ":")
	strike := []striker{newStriker(secret, "<token>", bot)}
	for _, other := range others {
		if len(other) >= shortest {
			strike = append(strike, newStriker(other, "<secret>", ""))
		}
	}
	return func(text string) string {
		text = cut(text)
		for _, s := range strike {
			text = s.strike(text)
		}
		return text
	}
}

// cut is a text that is not too long to be searched, or to be told.
func cut(text string) string {
	if len(text) > maxRedacted {
		return text[:maxRedacted] + " (and more)"
	}
	return text
}

// striker finds pieces of one secret.
type striker struct {
	pieces map[uint64]struct{} // all that are length characters long, in lower case
	length int
	mark   string // what takes the secret's place
	before string // what may stand before the secret and a colon, and goes too
}

func newStriker(secret, mark, before string) striker {
	s := striker{pieces: map[uint64]struct{}{}, length: min(pieceLength, len(secret)), mark: mark, before: before}
	var piece uint64
	for i := range len(secret) {
		if piece = s.push(piece, secret[i]); i+1 >= s.length {
			s.pieces[piece] = struct{}{}
		}
	}
	return s
}

// push is piece with one character more, and without its first.
func (s striker) push(piece uint64, c byte) uint64 {
	return (piece<<8 | uint64(lower(c))) & (^uint64(0) >> (64 - 8*s.length))
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return c
}

func (s striker) strike(text string) string {
	if s.length == 0 {
		return text
	}
	var clean strings.Builder
	var starts [pieceLength]int // of the last characters
	var piece uint64
	kept, count := 0, 0 // of text; characters
	struck := -1        // where the last piece ended
	for at := 0; at < len(text); {
		c, size := character(text[at:])
		if size < 0 { // it is between the characters
			at -= size
			continue
		}
		starts[count%s.length] = at
		count++
		at += size
		piece = s.push(piece, c)
		if _, found := s.pieces[piece]; !found || count < s.length {
			continue
		}
		if start := starts[count%s.length]; start >= struck {
			_, _ = clean.WriteString(s.without(text[kept:start]))
			_, _ = clean.WriteString(s.mark)
		}
		kept, struck = at, at
	}
	if struck < 0 {
		return text
	}
	_, _ = clean.WriteString(text[kept:])
	return clean.String()
}

// without is text without what stands at its end before a secret.
func (s striker) without(text string) string {
	if s.before == "" {
		return text
	}
	for _, colon := range []string{":", "%3A", "%3a", "%253A", "%253a", "&#58;", "&#x3A;", "&#x3a;", "&colon;"} {
		if rest, ok := strings.CutSuffix(text, s.before+colon); ok {
			return rest
		}
	}
	return text
}

// character is the first one of text, which is not empty, and of how many bytes it
// is made. A size below zero is that of what may stand in the midst of a word: the
// end of a line, and what indents the next.
func character(text string) (c byte, size int) {
	switch text[0] {
	case '\r', '\n':
		return 0, -(len(text) - len(strings.TrimLeft(text, "\r\n \t")))
	case '\\':
		return backslashed(text)
	case '%':
		digits := 1
		for strings.HasPrefix(text[digits:], "25") { // a % that is escaped again
			digits += 2
		}
		if c, ok := hexadecimal(text[digits:], 2); ok {
			return c, digits + 2
		}
	case '&':
		const longest = len("&#x0000005F;")
		if end := strings.IndexByte(text[:min(len(text), longest)], ';'); end > 0 {
			if meant := html.UnescapeString(text[:end+1]); len(meant) == 1 {
				return meant[0], end + 1
			}
		}
	}
	return text[0], 1
}

// backslashed is character for the escapes of a quoted string.
func backslashed(text string) (c byte, size int) {
	if len(text) < 2 {
		return text[0], 1
	}
	digits := 0
	switch text[1] {
	case 'n', 'r':
		return 0, -2
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	}
	if c, ok := hexadecimal(text[2:], digits); ok {
		return c, 2 + digits
	}
	return text[0], 1
}

// hexadecimal is the byte that text begins with, in so many digits.
func hexadecimal(text string, digits int) (c byte, ok bool) {
	if digits == 0 || len(text) < digits {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:digits], 16, 8)
	return byte(n), err == nil
}
