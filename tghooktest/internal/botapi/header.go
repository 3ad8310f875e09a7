package botapi

import "strings"

// blanks are the characters that Telegram takes for white space.
const blanks = " \t\r\n\x00\v"

// trimmed returns s without the white space around it.
func trimmed(s string) string { return strings.Trim(s, blanks) }

// Headers calls f with each header of a head, until f fails. Each line of the head must end
// with CR and LF. The name comes in lower case. ok is false if Telegram cannot read the
// head. Source: tdlib/td, HttpReader.
func Headers(head string, f func(name, value string) error) (ok bool, err error) {
	for head != "" {
		name, rest, found := strings.Cut(head, ":")
		end, whole := lineEnd(rest)
		if !found || !whole {
			return false, nil
		}
		if err := f(strings.ToLower(trimmed(name)), trimmed(rest[:end])); err != nil {
			return true, err
		}
		head = rest[end+len("\r\n"):]
	}
	return true, nil
}

// lineEnd returns the end of a header's value. Lines that begin with a space or tab belong
// to it.
func lineEnd(s string) (end int, ok bool) {
	for {
		next := strings.IndexByte(s[end:], '\r')
		if next < 0 || !strings.HasPrefix(s[end+next:], "\r\n") {
			return 0, false
		}
		end += next
		if after := s[end+len("\r\n"):]; after == "" || after[0] != ' ' && after[0] != '\t' {
			return end, true
		}
		end += len("\r\n")
	}
}
