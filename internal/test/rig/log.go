package rig

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
)

// Wordy gives cfg a Logger, and returns what is logged.
func Wordy(cfg *tghook.DispatchConfig) *Log {
	b := &Log{}
	cfg.Logger = slog.New(slog.NewTextHandler(b, nil))
	return b
}

// With returns the lines that have all of words in them.
func (b *Log) With(words ...string) (found []string) {
next:
	for line := range strings.Lines(b.String()) {
		for _, word := range words {
			if !strings.Contains(line, word) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}

// Logger is a logger into a buffer.
func Logger() (*slog.Logger, *Log) {
	logged := new(Log)
	return slog.New(slog.NewTextHandler(logged, nil)), logged
}

// Warnings are the fields of the lines in logged that say text.
func Warnings(logged *Log, text string, fields ...string) (all []string) {
	for line := range strings.Lines(logged.String()) {
		if !strings.Contains(line, text) {
			continue
		}
		found := make([]string, 0, len(fields))
		for _, field := range fields {
			value := regexp.MustCompile(" " + field + `=("[^"]*"|\S+)`).FindStringSubmatch(line)
			found = append(found, strings.Trim(append(value, "", "")[1], `"`))
		}
		all = append(all, strings.Join(found, " "))
	}
	return all
}

// Lines are those that were logged since the last call.
func (b *Log) Lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := strings.TrimSuffix(b.b.String(), "\n")
	b.b.Reset()
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// A Log keeps what is logged.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements [io.Writer].
func (b *Log) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns all that was logged.
func (b *Log) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Check fails if text, which was found where, has one of secrets in it.
func (*Log) Check(t *testing.T, where, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		assert.NotContains(t, text, secret, where)
	}
}
