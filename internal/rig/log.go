package rig

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/tghook/tghook"
)

// wordy has a log.
func Wordy(cfg *tghook.DispatchConfig) *Log {
	b := &Log{}
	cfg.Logger = slog.New(slog.NewTextHandler(b, nil))
	return b
}

// with is the lines with all of words.
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

// logger is a logger into a buffer.
func Logger() (*slog.Logger, *Log) {
	logged := new(Log)
	return slog.New(slog.NewTextHandler(logged, nil)), logged
}

// warnings are the fields of the lines in logged that say text.
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

// lines are those that were logged since the last call.
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

type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *Log) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *Log) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (*Log) Check(t *testing.T, where, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%s: %q is in %s", where, secret, text)
		}
	}
}
