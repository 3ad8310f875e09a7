package redact

import (
	"html"
	"strconv"
	"strings"
)

const (
	// pieceLength is how many characters of a secret in a row are removed from a text, because
	// a text may have only a part of the secret. It must fit into a uint64.
	pieceLength = 8
	// shortest is the shortest secret that is removed. A shorter one protects nothing, and
	// would be removed from many other words.
	shortest = 4
	// maxRedacted is how many bytes of a text are searched. The rest is cut off.
	maxRedacted = 64 << 10
)

// New returns a function that removes the token and the other secrets from a text. It finds a
// secret in upper or lower case, escaped as in a URL, in HTML or in a quoted string, broken
// over lines, and without its start or end.
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

// Cut returns text, cut off if it is too long to be searched or shown.
func Cut(text string) string {
	if len(text) > maxRedacted {
		return text[:maxRedacted] + " (and more)"
	}
	return text
}

// striker finds pieces of one secret.
type striker struct {
	pieces map[uint64]struct{} // all parts of the secret that have length characters, in lower case
	length int
	mark   string // replaces the secret
	before string // is removed too if it stands before the secret and a colon
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

// push returns piece without its first character and with c at its end.
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
	var starts [pieceLength]int // the offsets of the last characters
	var piece uint64
	kept, count := 0, 0 // the bytes of text that were dealt with; the characters that were read
	struck := -1        // the offset where the last piece ended
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

// without returns text without s.before and a colon at its end.
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

// character returns the first character of text, and how many bytes write it. text is not
// empty. If size is negative, text begins with -size bytes that may break a word over two
// lines: the end of a line, and the indentation of the next.
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

// backslashed does the same as character for an escape of a quoted string.
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

// hexadecimal returns the byte that the first hexadecimal digits of text write.
func hexadecimal(text string, digits int) (c byte, ok bool) {
	if digits == 0 || len(text) < digits {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:digits], 16, 8)
	return byte(n), err == nil
}
