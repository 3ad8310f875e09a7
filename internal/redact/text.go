package redact

import (
	"html"
	"strconv"
	"strings"
)

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

// New returns a function that strikes the token out of a text, and each of
// the other secrets: in whatever case, escaped as in a URL, in HTML or in a quoted
// string, broken over lines, and without its start or end.
func New(token string, others ...string) func(text string) string {
	bot, secret, _ := strings.Cut(token, ":")
	strike := []striker{newStriker(secret, "<token>", bot)}
	for _, other := range others {
		if len(other) >= shortest {
			strike = append(strike, newStriker(other, "<secret>", ""))
		}
	}
	return func(text string) string {
		text = Cut(text)
		for _, s := range strike {
			text = s.strike(text)
		}
		return text
	}
}

// Cut is a text that is not too long to be searched, or to be told.
func Cut(text string) string {
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
