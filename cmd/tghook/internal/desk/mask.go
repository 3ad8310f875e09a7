package desk

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// mask hides the tokens of bots in all that the API answers. A user or a bot may have written
// a token into a text, and a child process may have printed one.
type mask struct {
	mu     sync.RWMutex
	tokens [][]byte // as they are, and as a URL has them
}

// add hides a token from now on.
func (m *mask) add(token string) {
	if token == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, form := range []string{token, strings.Replace(token, ":", "%3A", 1), strings.Replace(token, ":", "%3a", 1)} {
		if !slices.ContainsFunc(m.tokens, func(known []byte) bool { return string(known) == form }) {
			m.tokens = append(m.tokens, []byte(form))
		}
	}
}

// hide returns the text without tokens.
func (m *mask) hide(text []byte) []byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, token := range m.tokens {
		if bytes.Contains(text, token) {
			text = bytes.ReplaceAll(text, token, []byte("<token>"))
		}
	}
	return text
}
