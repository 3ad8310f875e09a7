package rig

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Main runs the tests of a package. It fails if a goroutine outlives them, or if they
// print a token. idle, if not nil, closes connections that the tests leave idle.
func Main(m *testing.M, idle func()) {
	code := watched(m)
	if idle != nil {
		idle()
	}
	if stacks := strayGoroutines(InTime); code == 0 && len(stacks) > 0 {
		fmt.Fprintf(os.Stderr, "%d goroutines are left:\n\n%s\n", len(stacks), strings.Join(stacks, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// strayGoroutines returns the stacks of the goroutines that are still there after patience.
func strayGoroutines(patience time.Duration) (stacks []string) {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
	giveUp := time.After(patience)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		stacks = nil
		all := make([]byte, 16<<20)
		all = all[:runtime.Stack(all, true)]
		for i, stack := range bytes.Split(all, []byte("\n\n")) {
			if i > 0 && !bytes.Contains(stack, []byte("os/signal.")) && // 0 is this one
				!bytes.Contains(stack, []byte("fasthttp.updateServerDate")) { // which nothing can end
				stacks = append(stacks, string(stack))
			}
		}
		if len(stacks) == 0 {
			return nil
		}
		select {
		case <-giveUp:
			return stacks
		case <-ticker.C:
		}
	}
}

// What the tests' tokens and secrets have in them, and nothing that is printed,
// logged or returned may have.
const (
	tokenMark  = "stand_in_token"
	SecretMark = "stand_in_secret"

	APISecret = "AAH-stand_in_token_0123456789abcdefg" // of apiToken
	HookToken = "a-stand_in_secret_0123456789"         // of setWebhook
)

// Leaks reports whether text has a token or a secret of the tests in it.
func Leaks(text string) bool {
	return strings.Contains(text, tokenMark) || strings.Contains(text, SecretMark)
}

// watched runs the tests, and fails if what they print or log tells a token.
func watched(m *testing.M) int {
	var printed Log
	watch := func(f **os.File) (end func()) {
		original := *f
		r, w, err := os.Pipe()
		if err != nil {
			panic(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(io.MultiWriter(original, &printed), r)
		}()
		*f = w
		return func() {
			*f = original
			w.Close()
			<-done
		}
	}
	endOut, endErr := watch(&os.Stdout), watch(&os.Stderr)
	log.SetOutput(os.Stderr)
	code := m.Run()
	endOut()
	endErr()
	log.SetOutput(os.Stderr)
	for line := range strings.Lines(printed.String()) {
		if Leaks(line) {
			fmt.Fprintf(os.Stderr, "a token was printed: %s", line)
			code = max(code, 1)
		}
	}
	return code
}

// KeepsToken checks that err tells no token, however it, or an error in it, is
// printed.
func KeepsToken(tb testing.TB, err error) {
	tb.Helper()
	if err == nil {
		tb.Error("there is no error")
		return
	}
	for _, text := range Printings(err) {
		assert.False(tb, Leaks(text), "the token is told")
	}
	switch wrapping := err.(type) { //nolint:errorlint // this is the walk
	case interface{ Unwrap() error }:
		if inner := wrapping.Unwrap(); inner != nil {
			KeepsToken(tb, inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapping.Unwrap() {
			KeepsToken(tb, inner)
		}
	}
}

// Printings are the ways that programs print a value.
func Printings(v any) (all []string) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		all = append(all, fmt.Sprintf(verb, v))
	}
	for _, handler := range []func(io.Writer) slog.Handler{
		func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	} {
		var line bytes.Buffer
		slog.New(handler(&line)).Info("printed", "value", v, slog.Group("group", "value", v))
		all = append(all, line.String())
	}
	return all
}
