package rig

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
)

// cycle wraps itself.
type cycle struct{ err error }

// NewCycle is an error that wraps itself.
func NewCycle() error {
	c := &cycle{}
	c.err = c
	return c
}

func (c *cycle) Error() string { return "cycle" }

func (c *cycle) Unwrap() error { return c.err }

// An OddError does what its functions do. Each may be nil.
type OddError struct {
	Text    func() string
	Wrapped func() []error
	AsFunc  func(any) bool
	IsFunc  func(error) bool
}

// Error calls Text.
func (e *OddError) Error() string {
	if e.Text == nil {
		return "odd"
	}
	return e.Text()
}

// Unwrap calls Wrapped.
func (e *OddError) Unwrap() []error {
	if e.Wrapped == nil {
		return nil
	}
	return e.Wrapped()
}

// As calls AsFunc.
func (e *OddError) As(target any) bool { return e.AsFunc != nil && e.AsFunc(target) }

// Is calls IsFunc.
func (e *OddError) Is(target error) bool { return e.IsFunc != nil && e.IsFunc(target) }

// A NilError panics if it is nil.
type NilError struct{ inner error }

// Error returns the text of what e wraps.
func (e *NilError) Error() string { return e.inner.Error() }

// Unwrap returns what e wraps.
func (e *NilError) Unwrap() error { return e.inner }

// Mistaken returns the fields of the mistakes in err.
func Mistaken(t *testing.T, err error) []string {
	t.Helper()
	mistakes := ConfigErrors(t, err)
	fields := make([]string, len(mistakes))
	for i, mistake := range mistakes {
		fields[i] = mistake.Field
	}
	return fields
}

// ConfigErrors returns the mistakes in err, which errors.Join has made.
func ConfigErrors(t *testing.T, err error) (all []*tghook.ConfigError) {
	t.Helper()
	if err == nil {
		return nil
	}
	var first *tghook.ConfigError
	require.ErrorAsf(t, err, &first, "no *ConfigError in %v", err)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []*tghook.ConfigError{first}
	}
	for _, one := range joined.Unwrap() {
		var mistake *tghook.ConfigError
		if !errors.As(one, &mistake) {
			t.Errorf("%v (%T) is no *ConfigError", one, one)
			continue
		}
		all = append(all, mistake)
	}
	return all
}
