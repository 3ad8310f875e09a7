package tghook_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"strings"
	"testing"
)

// What the tests' tokens and secrets have in them, and nothing that is printed,
// logged or returned may have.
const (
	tokenMark  = "stand_in_token"
	secretMark = "stand_in_secret"

	apiSecret = "AAH-stand_in_token_0123456789abcdefg" // of apiToken
	hookToken = "a-stand_in_secret_0123456789"         // of setWebhook
)

func leaks(text string) bool {
	return strings.Contains(text, tokenMark) || strings.Contains(text, secretMark)
}

// watched runs the tests, and fails if what they print or log tells a token.
func watched(m *testing.M) int {
	var printed lockedBuffer
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
		if leaks(line) {
			fmt.Fprintf(os.Stderr, "a token was printed: %s", line)
			code = max(code, 1)
		}
	}
	return code
}

// keepsToken checks that err tells no token, however it, or an error in it, is
// printed.
func keepsToken(tb testing.TB, err error) {
	tb.Helper()
	if err == nil {
		tb.Error("there is no error")
		return
	}
	for _, text := range printings(err) {
		if leaks(text) {
			tb.Errorf("the token is told: %s", text)
		}
	}
	switch wrapping := err.(type) { //nolint:errorlint // this is the walk
	case interface{ Unwrap() error }:
		if inner := wrapping.Unwrap(); inner != nil {
			keepsToken(tb, inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapping.Unwrap() {
			keepsToken(tb, inner)
		}
	}
}

// printings are the ways that programs print a value.
func printings(v any) (all []string) {
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
