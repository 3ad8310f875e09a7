package tghook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

// ringError wraps itself.
type ringError struct{ next error }

func (*ringError) Error() string   { return "ring" }
func (e *ringError) Unwrap() error { return e.next }

// badError does what it is told when it is asked for its words, for what it wraps,
// or whether it is another.
type badError struct{ text, unwrap, is, as func() }

func does(f func()) {
	if f != nil {
		f()
	}
}

func (e *badError) Error() string { does(e.text); return "bad" }
func (e *badError) Unwrap() error { does(e.unwrap); return io.EOF }
func (e *badError) Is(error) bool { does(e.is); return false }
func (e *badError) As(any) bool   { does(e.as); return false }

// loopedError holds a slice that holds itself, of which fmt's %#v never comes back.
type loopedError struct{ all []any }

func (loopedError) Error() string { return "looped" }

type funcReader func([]byte) (int, error)

func (f funcReader) Read(p []byte) (int, error) { return f(p) }
func (funcReader) Close() error                 { return nil }

// bodyOf is f as the Body of a File, which must be comparable.
func bodyOf(f funcReader) *funcReader { return &f }

// Whatever the user's code does in a call, the call fails, and soon: the process
// lives, and nothing goes on for ever.
func TestACallSurvivesWhateverTheUsersCodeDoes(t *testing.T) {
	rig.Alone(t, func(t *testing.T) {
		ring := &ringError{}
		ring.next = ring
		many := make([]error, 100_000)
		for i := range many {
			many[i] = io.EOF
		}
		deep := io.EOF
		for range 100_000 {
			deep = &ringError{deep}
		}
		looped := loopedError{make([]any, 1)}
		looped.all[0] = looped.all
		bad := map[string]func(){
			"panics":      func() { panic("bad") },
			"exits":       runtime.Goexit,
			"blocks":      func() { time.Sleep(time.Minute) },
			"panics with": func() { panic(&badError{text: func() { time.Sleep(time.Hour) }}) },
		}
		fails := map[string]error{
			"typed nil": (*rig.NilError)(nil), "typed nil, wrapped": fmt.Errorf("a: %w", io.EOF), "ring": ring, "wide": errors.Join(many...), "deep": deep, "looped": looped,
		}
		for name, f := range bad {
			fails["Error "+name] = &badError{text: f}
			fails["Unwrap "+name] = &badError{unwrap: f}
			fails["Is "+name] = &badError{is: f}
			fails["As "+name] = &badError{as: f}
			fails["joined "+name] = errors.Join(io.EOF, &badError{unwrap: f})
		}
		calls := map[string]func(c *tghook.Client, ctx context.Context) error{}
		apis := map[string]rig.Transport{}
		for name, err := range fails {
			apis["an error of HTTP: "+name] = func(*http.Request) (*http.Response, error) { return nil, err }
			apis["an error of an answer: "+name] = func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Body: funcReader(func([]byte) (int, error) { return 0, err })}, nil
			}
			calls["an error of a Body: "+name] = func(c *tghook.Client, ctx context.Context) error {
				return c.Call(ctx, "m", uploadOf(bodyOf(func([]byte) (int, error) { return 0, err })), nil)
			}
			calls["an error of MarshalJSON: "+name] = func(c *tghook.Client, ctx context.Context) error {
				return c.Call(ctx, "m", rig.JSONBy(func() ([]byte, error) { return nil, err }), nil)
			}
			calls["a cause: "+name] = func(_ *tghook.Client, ctx context.Context) error {
				ctx, cancel := context.WithCancelCause(ctx)
				cancel(err)
				c := rig.Transport(func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() }).Client(t, tghook.ClientConfig{Patience: time.Hour})
				return c.Call(ctx, "getMe", nil, nil)
			}
		}
		for name, f := range bad {
			apis["HTTP "+name] = func(*http.Request) (*http.Response, error) { f(); return nil, io.EOF }
			apis["an answer "+name] = func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Body: funcReader(func([]byte) (int, error) { f(); return 0, io.EOF })}, nil
			}
			calls["a Body "+name] = func(c *tghook.Client, ctx context.Context) error {
				return c.Call(ctx, "m", uploadOf(bodyOf(func([]byte) (int, error) { f(); return 0, io.ErrUnexpectedEOF })), nil)
			}
			calls["MarshalJSON "+name] = func(c *tghook.Client, ctx context.Context) error {
				return c.Call(ctx, "m", rig.JSONBy(func() ([]byte, error) { f(); return nil, io.EOF }), nil)
			}
		}
		reading := rig.Transport(func(r *http.Request) (*http.Response, error) {
			_, err := io.Copy(io.Discard, r.Body)
			return rig.APIAnswer(200, rig.APIOK), err
		})
		for name, api := range apis {
			calls[name] = func(_ *tghook.Client, ctx context.Context) error {
				_, err := api.Client(t, tghook.ClientConfig{}).GetMe(ctx)
				return err
			}
		}
		for name, call := range calls {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			begun := time.Now()
			err := call(reading.Client(t, tghook.ClientConfig{}), ctx)
			cancel()
			if took := time.Since(begun); err == nil || took > 15*time.Second {
				t.Errorf("%s: %v after %v", name, err, took)
				continue
			}
			// What is returned is harmless.
			_ = fmt.Sprintf("%v %+v %#v", err, err, err)
			_ = errors.Is(err, rig.ErrBroken)
			_ = errors.As(err, new(*tghook.APIError))
			if len(err.Error()) > 256<<10 {
				t.Errorf("%s: %d bytes of error", name, len(err.Error()))
			}
			if took := time.Since(begun); took > 16*time.Second {
				t.Errorf("%s: the error is not harmless: %v", name, took)
			}
		}
	})
}

func TestAPanicInACallIsAnError(t *testing.T) {
	t.Parallel()
	c := rig.Transport(func(r *http.Request) (*http.Response, error) {
		_, err := io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.URL.Path, "/getMe") {
			panic("at " + r.URL.String())
		}
		return nil, err
	}).Client(t, tghook.ClientConfig{})
	_, byHTTP := c.GetMe(t.Context())
	byBody := c.Call(t.Context(), "m", uploadOf(&panickyReader{}), nil)
	byParams := c.Call(t.Context(), "m", rig.JSONBy(func() ([]byte, error) { panic("marshal") }), nil)
	for _, err := range []error{byHTTP, byBody, byParams} {
		rig.KeepsToken(t, err)
		if !strings.Contains(err.Error(), "panic") {
			t.Error(err)
		}
	}
	var panicked *tghook.PanicError
	if !errors.As(byBody, &panicked) || !errors.As(byParams, &panicked) {
		t.Error(byBody, byParams)
	}
}

// A held call that fails so is told of as any other.
func TestAHeldCallSurvivesAnErrorThatWrapsItself(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		ring := &ringError{}
		ring.next = ring
		api := &rig.BotAPI{Do: func(*http.Request) (*http.Response, error) { return nil, ring }}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		cfg := rig.LibraryConfig()
		cfg.LateAfter = -1
		r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			assert.Equal(t, rig.APIOK, lib.Call(ctx, "deleteMessage", "{}"), "the library gets")
			return rig.Hello, nil
		})
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "answer") // the call is tried again for two minutes
		assert.Equal(t, "call_lost/1/0 replied/1/200/rode", r.Outcomes(), "outcomes")
	})
}
